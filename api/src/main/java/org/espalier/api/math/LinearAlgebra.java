package org.espalier.api.math;

/**
 * A service: the dense linear algebra that quantising needs. Safe to call from many threads. Every
 * result is the same to the last bit whatever the {@link Parallel} is, and entries of a product do
 * not depend on how many rows are multiplied together.
 */
public interface LinearAlgebra {

  /** Its name, lower case. */
  String name();

  /** Whoever has several takes the one with the highest number. */
  int preference();

  /**
   * C = C + A B.
   *
   * @param a m × k
   * @param b k × n
   * @param c m × n, overlapping neither of the others
   */
  void addProduct(FloatMatrix a, FloatMatrix b, FloatMatrix c, Parallel parallel);

  /**
   * G = G + Xᵀ X. Only entries on and below the diagonal count; {@link #mirror} fills the rest when
   * the last rows have been added. Rows of one call are summed in F32 before they are added, so
   * some hundred rows per call lose least.
   *
   * @param x t × n
   * @param g n × n, not overlapping x
   */
  void addGram(FloatMatrix x, FloatMatrix g, Parallel parallel);

  /** Copies what is below the diagonal of a square matrix to above it. */
  void mirror(FloatMatrix g, Parallel parallel);

  /**
   * Multiplies every row by the orthonormal Walsh–Hadamard matrix in natural (Sylvester) order, in
   * place.
   *
   * @param matrix with a power of two as its number of columns
   */
  void transformRows(FloatMatrix matrix, Parallel parallel);

  /**
   * Multiplies every column by the orthonormal Walsh–Hadamard matrix, in place.
   *
   * @param matrix with a power of two as its number of rows
   */
  void transformColumns(FloatMatrix matrix, Parallel parallel);

  /**
   * Factors a symmetric positive definite matrix as C Cᵀ with C lower triangular, in place. Entries
   * above the diagonal are neither read nor written.
   *
   * @param values the matrix, n × n, row by row; becomes C
   * @return −1 when all went well, else the first row whose pivot is not a positive number; the
   *     values are then of no use
   */
  int cholesky(double[] values, int n, Parallel parallel);
}
