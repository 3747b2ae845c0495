package org.espalier.backend.cpu.algebra;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.VectorSpecies;
import org.espalier.api.math.Parallel;

/**
 * H = C Cᵀ in F64, left-looking by blocks of columns: take off what the columns to the left explain
 * (products of rows, in parallel), factor the block on the diagonal, solve for the rows below it
 * (in parallel).
 */
final class Cholesky {
  private static final int BLOCK = 64;
  private static final int ROWS_PER_PIECE = 32;
  private static final VectorSpecies<Double> SPECIES = DoubleVector.SPECIES_PREFERRED;
  private static final int LANES = SPECIES.length();

  private Cholesky() {}

  static int factor(double[] c, int n, Parallel parallel) {
    for (int first = 0; first < n; first += BLOCK) {
      int from = first;
      int width = Math.min(BLOCK, n - first);
      int below = first + width;
      parallel.run(
          Math.ceilDiv(n - first, ROWS_PER_PIECE),
          piece -> {
            int row = from + piece * ROWS_PER_PIECE;
            update(c, n, row, Math.min(row + ROWS_PER_PIECE, n), from, width);
          });
      int failed = diagonal(c, n, first, width);
      if (failed >= 0) {
        return failed;
      }
      double[] transposed = transposed(c, n, first, width);
      parallel.run(
          Math.ceilDiv(n - below, ROWS_PER_PIECE),
          piece -> {
            int row = below + piece * ROWS_PER_PIECE;
            for (int i = row; i < Math.min(row + ROWS_PER_PIECE, n); i++) {
              solve(c, i * n + from, transposed, width);
            }
          });
    }
    return -1;
  }

  /** Entry (i, j) −= row i · row j over the columns before {@code first}, for j ≤ i. */
  private static void update(double[] c, int n, int fromRow, int toRow, int first, int width) {
    for (int i = fromRow; i < toRow; i += 4) {
      int rows = Math.min(4, toRow - i);
      int columns = Math.min(width, i + rows - first);
      for (int j = 0; j < columns; j += 4) {
        int column = first + j;
        if (rows == 4 && column + 3 <= i && j + 4 <= width) {
          fourByFour(c, n, i, column, first);
        } else {
          for (int r = i; r < i + rows; r++) {
            for (int s = column; s < Math.min(column + 4, Math.min(first + width, r + 1)); s++) {
              c[r * n + s] -= dot(c, r * n, s * n, first);
            }
          }
        }
      }
    }
  }

  private static double dot(double[] c, int x, int y, int count) {
    DoubleVector sum = DoubleVector.zero(SPECIES);
    int k = 0;
    for (; k + LANES <= count; k += LANES) {
      sum =
          DoubleVector.fromArray(SPECIES, c, x + k)
              .fma(DoubleVector.fromArray(SPECIES, c, y + k), sum);
    }
    return sum(sum) + tail(c, x, y, k, count);
  }

  private static double tail(double[] c, int x, int y, int from, int to) {
    double sum = 0;
    for (int k = from; k < to; k++) {
      sum = Math.fma(c[x + k], c[y + k], sum);
    }
    return sum;
  }

  /** The sum over lanes in their order; that of {@code reduceLanes} is not fixed. */
  private static double sum(DoubleVector v) {
    double sum = v.lane(0);
    for (int lane = 1; lane < LANES; lane++) {
      sum += v.lane(lane);
    }
    return sum;
  }

  private static void fourByFour(double[] c, int n, int i, int j, int count) {
    int x0 = i * n;
    int y0 = j * n;
    DoubleVector s00 = DoubleVector.zero(SPECIES);
    DoubleVector s01 = s00;
    DoubleVector s02 = s00;
    DoubleVector s03 = s00;
    DoubleVector s10 = s00;
    DoubleVector s11 = s00;
    DoubleVector s12 = s00;
    DoubleVector s13 = s00;
    DoubleVector s20 = s00;
    DoubleVector s21 = s00;
    DoubleVector s22 = s00;
    DoubleVector s23 = s00;
    DoubleVector s30 = s00;
    DoubleVector s31 = s00;
    DoubleVector s32 = s00;
    DoubleVector s33 = s00;
    int k = 0;
    for (; k + LANES <= count; k += LANES) {
      DoubleVector a0 = DoubleVector.fromArray(SPECIES, c, x0 + k);
      DoubleVector a1 = DoubleVector.fromArray(SPECIES, c, x0 + n + k);
      DoubleVector a2 = DoubleVector.fromArray(SPECIES, c, x0 + 2 * n + k);
      DoubleVector a3 = DoubleVector.fromArray(SPECIES, c, x0 + 3 * n + k);
      DoubleVector b = DoubleVector.fromArray(SPECIES, c, y0 + k);
      s00 = a0.fma(b, s00);
      s10 = a1.fma(b, s10);
      s20 = a2.fma(b, s20);
      s30 = a3.fma(b, s30);
      b = DoubleVector.fromArray(SPECIES, c, y0 + n + k);
      s01 = a0.fma(b, s01);
      s11 = a1.fma(b, s11);
      s21 = a2.fma(b, s21);
      s31 = a3.fma(b, s31);
      b = DoubleVector.fromArray(SPECIES, c, y0 + 2 * n + k);
      s02 = a0.fma(b, s02);
      s12 = a1.fma(b, s12);
      s22 = a2.fma(b, s22);
      s32 = a3.fma(b, s32);
      b = DoubleVector.fromArray(SPECIES, c, y0 + 3 * n + k);
      s03 = a0.fma(b, s03);
      s13 = a1.fma(b, s13);
      s23 = a2.fma(b, s23);
      s33 = a3.fma(b, s33);
    }
    subtract(c, n, i, j, k, count, s00, s01, s02, s03);
    subtract(c, n, i + 1, j, k, count, s10, s11, s12, s13);
    subtract(c, n, i + 2, j, k, count, s20, s21, s22, s23);
    subtract(c, n, i + 3, j, k, count, s30, s31, s32, s33);
  }

  private static void subtract(
      double[] c,
      int n,
      int i,
      int j,
      int from,
      int to,
      DoubleVector s0,
      DoubleVector s1,
      DoubleVector s2,
      DoubleVector s3) {
    int x = i * n;
    int y = j * n;
    c[x + j] -= sum(s0) + tail(c, x, y, from, to);
    c[x + j + 1] -= sum(s1) + tail(c, x, y + n, from, to);
    c[x + j + 2] -= sum(s2) + tail(c, x, y + 2 * n, from, to);
    c[x + j + 3] -= sum(s3) + tail(c, x, y + 3 * n, from, to);
  }

  /** Factors the block on the diagonal; gives the row that failed, or −1. */
  private static int diagonal(double[] c, int n, int first, int width) {
    for (int j = first; j < first + width; j++) {
      double pivot = c[j * n + j];
      for (int k = first; k < j; k++) {
        pivot -= c[j * n + k] * c[j * n + k];
      }
      if (!(pivot > 0) || pivot == Double.POSITIVE_INFINITY) {
        return j;
      }
      double root = Math.sqrt(pivot);
      c[j * n + j] = root;
      for (int i = j + 1; i < first + width; i++) {
        double entry = c[i * n + j];
        for (int k = first; k < j; k++) {
          entry -= c[i * n + k] * c[j * n + k];
        }
        c[i * n + j] = entry / root;
      }
    }
    return -1;
  }

  /** The block on the diagonal by columns: entry (i, j) at {@code j · BLOCK + i}. */
  private static double[] transposed(double[] c, int n, int first, int width) {
    double[] transposed = new double[BLOCK * BLOCK];
    for (int i = 0; i < width; i++) {
      for (int j = 0; j <= i; j++) {
        transposed[j * BLOCK + i] = c[(first + i) * n + first + j];
      }
    }
    return transposed;
  }

  /** Solves x Tᵀ = row for x, in place: T is the block on the diagonal. */
  private static void solve(double[] c, int at, double[] transposed, int width) {
    double[] x = new double[BLOCK];
    System.arraycopy(c, at, x, 0, width);
    for (int j = 0; j < width; j++) {
      double entry = x[j] / transposed[j * BLOCK + j];
      DoubleVector factor = DoubleVector.broadcast(SPECIES, -entry);
      // Columns left of j in the first vector hold zeros, so finished entries stay as they are.
      for (int k = j - j % LANES; k < BLOCK; k += LANES) {
        factor
            .fma(
                DoubleVector.fromArray(SPECIES, transposed, j * BLOCK + k),
                DoubleVector.fromArray(SPECIES, x, k))
            .intoArray(x, k);
      }
      x[j] = entry;
    }
    System.arraycopy(x, 0, c, at, width);
  }
}
