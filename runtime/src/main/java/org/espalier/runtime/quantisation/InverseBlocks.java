package org.espalier.runtime.quantisation;

import java.util.ArrayList;
import java.util.List;
import org.espalier.api.math.FloatMatrix;

/** Inverts the blocks on the diagonal of a symmetric matrix. */
final class InverseBlocks {
  private InverseBlocks() {}

  /**
   * The inverses, in order.
   *
   * @param matrix n × n, of which the lower triangle is read; where it is not positive definite the
   *     inverses are not finite
   */
  static List<FloatMatrix> of(double[] matrix, int n, int block) {
    List<FloatMatrix> inverses = new ArrayList<>();
    for (int first = 0; first < n; first += block) {
      double[][] pivot = new double[block][block];
      for (int i = 0; i < block; i++) {
        for (int j = 0; j <= i; j++) {
          pivot[i][j] = matrix[(first + i) * n + first + j];
          pivot[j][i] = pivot[i][j];
        }
      }
      inverses.add(inverse(pivot));
    }
    return inverses;
  }

  /** Gauss–Jordan without pivoting, which positive definite matrices do not need. */
  private static FloatMatrix inverse(double[][] a) {
    int n = a.length;
    for (int p = 0; p < n; p++) {
      double pivot = a[p][p];
      a[p][p] = 1;
      for (int j = 0; j < n; j++) {
        a[p][j] /= pivot;
      }
      for (int i = 0; i < n; i++) {
        if (i != p) {
          double factor = a[i][p];
          a[i][p] = 0;
          for (int j = 0; j < n; j++) {
            a[i][j] -= factor * a[p][j];
          }
        }
      }
    }
    FloatMatrix inverse = FloatMatrix.zeros(n, n);
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        inverse.values()[i * n + j] = (float) a[i][j];
      }
    }
    return inverse;
  }
}
