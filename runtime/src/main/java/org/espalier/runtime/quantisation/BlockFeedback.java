package org.espalier.runtime.quantisation;

import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.Parallel;

/**
 * From a Cholesky factor H = C Cᵀ to the block LDL factor H = L D Lᵀ, where L has identities of the
 * block's size on its diagonal: the block column j of L is that of C times the inverse of C's
 * diagonal block.
 */
final class BlockFeedback {
  private static final int ROWS_PER_PIECE = 32;

  private BlockFeedback() {}

  /**
   * A = L − I.
   *
   * @param c lower triangular, n × n
   */
  static FloatMatrix of(double[] c, int n, int block, Parallel parallel) {
    FloatMatrix feedback = FloatMatrix.zeros(n, n);
    parallel.run(
        Math.ceilDiv(n, ROWS_PER_PIECE),
        piece -> {
          double[] row = new double[block];
          int end = Math.min((piece + 1) * ROWS_PER_PIECE, n);
          for (int i = piece * ROWS_PER_PIECE; i < end; i++) {
            for (int first = 0; first + block <= i; first += block) {
              solve(c, n, i, first, row);
              for (int k = 0; k < block; k++) {
                feedback.values()[i * n + first + k] = (float) row[k];
              }
            }
          }
        });
    return feedback;
  }

  /** Solves x T = row i of C at columns {@code first} …, with T the diagonal block there. */
  private static void solve(double[] c, int n, int i, int first, double[] x) {
    for (int k = x.length - 1; k >= 0; k--) {
      double sum = c[i * n + first + k];
      for (int l = k + 1; l < x.length; l++) {
        sum -= x[l] * c[(first + l) * n + first + k];
      }
      x[k] = sum / c[(first + k) * n + first + k];
    }
  }
}
