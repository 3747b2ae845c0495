package org.espalier.codec.ggml;

/**
 * What an error e of n values costs, e M eᵀ, with M = L D Lᵀ, L lower triangular with ones on its
 * diagonal. The cost is Σ_j d_j (e_j + Σ_{i>j} e_i L_ij)²: whoever rounds values from the last to
 * the first aims each at its target and what the errors behind it ask for.
 */
final class Metric {
  private final int size;
  private final double[] factor;
  private final double[] pivots;

  private Metric(int size, double[] factor, double[] pivots) {
    this.size = size;
    this.factor = factor;
    this.pivots = pivots;
  }

  /**
   * Factors a matrix.
   *
   * @param matrix M, positive definite, n × n
   */
  static Metric of(double[] matrix, int n) {
    if (matrix.length != n * n) {
      throw new IllegalArgumentException(
          "a metric of %d values is not %d × %d".formatted(matrix.length, n, n));
    }
    double[] factor = new double[n * n];
    double[] pivots = new double[n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j <= i; j++) {
        double sum = matrix[i * n + j];
        for (int k = 0; k < j; k++) {
          sum -= factor[i * n + k] * factor[j * n + k] * pivots[k];
        }
        if (j < i) {
          factor[i * n + j] = sum / pivots[j];
        } else if (sum > 0) {
          pivots[i] = sum;
        } else {
          throw new IllegalArgumentException("the metric is not positive definite");
        }
      }
    }
    return new Metric(n, factor, pivots);
  }

  /** n. */
  int size() {
    return size;
  }

  /** d_j. */
  double pivot(int j) {
    return pivots[j];
  }

  /**
   * Adds what an error of value {@code i} asks of the values before it.
   *
   * @param from the first of them that is asked
   * @param aims of all values
   */
  void feed(int i, double error, int from, double[] aims) {
    int row = i * size;
    for (int j = from; j < i; j++) {
      aims[j] += error * factor[row + j];
    }
  }

  /** x M yᵀ. */
  double product(double[] x, double[] y) {
    double[] a = x.clone();
    double[] b = y.clone();
    double sum = 0;
    for (int i = size - 1; i >= 0; i--) {
      feed(i, x[i], 0, a);
      feed(i, y[i], 0, b);
      sum += pivots[i] * a[i] * b[i];
    }
    return sum;
  }
}
