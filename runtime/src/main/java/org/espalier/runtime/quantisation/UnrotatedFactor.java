package org.espalier.runtime.quantisation;

import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;

/**
 * A second moment as it is, without rotation, damped and factored into L D Lᵀ with identities of a
 * block's size on the diagonal of L.
 *
 * @param block rows of a block
 * @param feedback L − I: entry (i, j) says how the error in i moves the target of j < i
 * @param cholesky C of the damped matrix C Cᵀ, n × n
 */
record UnrotatedFactor(int block, FloatMatrix feedback, double[] cholesky) {

  /**
   * Factors a moment.
   *
   * @param name for messages
   * @param damping share of the mean of the diagonal that is added to it
   * @throws InvalidRequest when the damped matrix is not positive definite
   */
  static UnrotatedFactor of(
      String name, FloatMatrix moment, int block, double damping, LinearAlgebra algebra) {
    int n = moment.columns();
    if (moment.rows() != n || n % block != 0) {
      throw new IllegalArgumentException(
          "a moment of %d × %d does not go with blocks of %d".formatted(moment.rows(), n, block));
    }
    double[] factor = RotatedHessian.damped(name, moment, damping);
    RotatedHessian.requirePositive(name, damping, n, algebra.cholesky(factor, n, Parallel.SERIAL));
    return new UnrotatedFactor(block, BlockFeedback.of(factor, n, block, Parallel.SERIAL), factor);
  }

  /**
   * Block {@code index} of D, row by row: what errors within it cost once later ones are made up
   * for.
   */
  double[] metric(int index) {
    int n = feedback.columns();
    int first = index * block;
    double[] metric = new double[block * block];
    for (int i = 0; i < block; i++) {
      for (int j = 0; j < block; j++) {
        double sum = 0;
        for (int k = 0; k <= Math.min(i, j); k++) {
          sum += cholesky[(first + i) * n + first + k] * cholesky[(first + j) * n + first + k];
        }
        metric[i * block + j] = sum;
      }
    }
    return metric;
  }
}
