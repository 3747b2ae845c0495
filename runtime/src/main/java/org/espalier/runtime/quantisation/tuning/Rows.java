package org.espalier.runtime.quantisation.tuning;

import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;

/** Arithmetic on rows of activations. Loops are plain enough for the compiler to vectorise. */
final class Rows {
  private static final int SQUARINGS = 7;
  private static final float CENTRE = -0.35f;
  private static final float AT_CENTRE = (float) Math.exp(CENTRE);

  private Rows() {}

  /** A B, a new matrix. */
  static FloatMatrix product(FloatMatrix a, FloatMatrix b, LinearAlgebra algebra) {
    FloatMatrix c = FloatMatrix.zeros(a.rows(), b.columns());
    algebra.addProduct(a, b, c, Parallel.SERIAL);
    return c;
  }

  /** The transpose, a new matrix. */
  static FloatMatrix transpose(FloatMatrix x) {
    int rows = x.rows();
    int columns = x.columns();
    FloatMatrix y = FloatMatrix.zeros(columns, rows);
    int side = 16;
    for (int i = 0; i < rows; i += side) {
      int rowEnd = Math.min(i + side, rows);
      for (int j = 0; j < columns; j++) {
        for (int k = i; k < rowEnd; k++) {
          y.values()[j * rows + k] = x.values()[x.row(k) + j];
        }
      }
    }
    return y;
  }

  /** Every row times a vector, element by element, a new matrix. */
  static FloatMatrix scaled(FloatMatrix x, float[] scales, int offset) {
    FloatMatrix y = FloatMatrix.zeros(x.rows(), x.columns());
    int n = x.columns();
    for (int i = 0; i < x.rows(); i++) {
      scaleRow(x.values(), x.row(i), scales, offset, y.values(), i * n, n);
    }
    return y;
  }

  private static void scaleRow(
      float[] x, int from, float[] scales, int offset, float[] y, int to, int n) {
    for (int j = 0; j < n; j++) {
      y[to + j] = x[from + j] * scales[offset + j];
    }
  }

  /** Adds to each entry of a vector the sum over rows of x ⊙ y. */
  static void addColumnProducts(FloatMatrix x, FloatMatrix y, float[] sums, int offset) {
    int n = x.columns();
    for (int i = 0; i < x.rows(); i++) {
      addProducts(x.values(), x.row(i), y.values(), y.row(i), sums, offset, n);
    }
  }

  private static void addProducts(
      float[] x, int xFrom, float[] y, int yFrom, float[] sums, int offset, int n) {
    for (int j = 0; j < n; j++) {
      sums[offset + j] += x[xFrom + j] * y[yFrom + j];
    }
  }

  /** x = x + y. */
  static void add(FloatMatrix x, FloatMatrix y) {
    int n = x.columns();
    for (int i = 0; i < x.rows(); i++) {
      addScaled(x.values(), x.row(i), y.values(), y.row(i), 1, n);
    }
  }

  /** y[…] = y[…] + factor · x[…]. */
  static void addScaled(float[] y, int yFrom, float[] x, int xFrom, float factor, int n) {
    for (int j = 0; j < n; j++) {
      y[yFrom + j] += factor * x[xFrom + j];
    }
  }

  /** Σ x y, in the order of the elements. */
  static double dot(float[] x, int xFrom, float[] y, int yFrom, int n) {
    double sum = 0;
    for (int j = 0; j < n; j++) {
      sum += (double) x[xFrom + j] * y[yFrom + j];
    }
    return sum;
  }

  /**
   * exp(x − shift) of n numbers, none above {@code shift}, to about 10⁻⁵ of each; what is below
   * exp(−86) becomes about that. Products and sums only, so the same on every machine.
   */
  static void exponentials(float[] x, int from, float shift, float[] y, int to, int n) {
    for (int j = 0; j < n; j++) {
      float small = Math.max(x[from + j] - shift, -86f) * (1f / (1 << SQUARINGS)) - CENTRE;
      float e = 1f / 720 * small + 1f / 120;
      e = e * small + 1f / 24;
      e = e * small + 1f / 6;
      e = e * small + 0.5f;
      e = e * small + 1f;
      e = (e * small + 1f) * AT_CENTRE;
      e *= e;
      e *= e;
      e *= e;
      e *= e;
      e *= e;
      e *= e;
      e *= e;
      y[to + j] = e;
    }
  }

  /** 1 / (1 + exp(−x)) of all numbers. */
  static void sigmoids(float[] x, float[] y) {
    for (int j = 0; j < y.length; j++) {
      y[j] = -Math.abs(x[j]);
    }
    exponentials(y, 0, 0, y, 0, y.length);
    for (int j = 0; j < y.length; j++) {
      y[j] = (x[j] < 0 ? y[j] : 1) / (1 + y[j]);
    }
  }

  /** The largest of n numbers. */
  static float largest(float[] x, int from, int n) {
    float largest = x[from];
    for (int j = 1; j < n; j++) {
      largest = Math.max(largest, x[from + j]);
    }
    return largest;
  }

  /** Turns n numbers into their softmax, in place. */
  static void softmax(float[] x, int from, int n) {
    exponentials(x, from, largest(x, from, n), x, from, n);
    double sum = 0;
    for (int j = 0; j < n; j++) {
      sum += x[from + j];
    }
    float factor = (float) (1 / sum);
    for (int j = 0; j < n; j++) {
      x[from + j] *= factor;
    }
  }
}
