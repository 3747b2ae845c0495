package org.espalier.runtime.quantisation;

import java.util.List;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;

/**
 * The second moment of a linear's inputs behind its input rotation, H̃ = Ĥ D H D Ĥ with D the
 * signs, and what BlockLDLQ needs of it. Matrices with the same inputs and the same signs may share
 * one.
 */
public final class RotatedHessian {
  /** Share of the mean of the diagonal that is added to the diagonal. */
  public static final double DEFAULT_DAMPING = 0.01;

  private final float[] inputSigns;
  private final FloatMatrix rotated;
  private final FloatMatrix feedback;
  private final List<FloatMatrix> inverseBlocks;

  private RotatedHessian(
      float[] inputSigns,
      FloatMatrix rotated,
      FloatMatrix feedback,
      List<FloatMatrix> inverseBlocks) {
    this.inputSigns = inputSigns;
    this.rotated = rotated;
    this.feedback = feedback;
    this.inverseBlocks = inverseBlocks;
  }

  /**
   * Rotates and factors.
   *
   * @param name of the matrix, for messages
   * @param hessian n × n, symmetric; n is a power of two and a multiple of {@code block}
   * @param inputSigns n values
   * @param block columns of a tile
   * @param damping share of the mean of the diagonal that is added to the diagonal before factoring
   * @throws InvalidRequest when the Hessian is not finite, is zero, or is not positive definite
   *     even with damping
   */
  public static RotatedHessian of(
      String name,
      FloatMatrix hessian,
      float[] inputSigns,
      int block,
      double damping,
      LinearAlgebra algebra,
      Parallel parallel) {
    int n = hessian.columns();
    if (hessian.rows() != n || inputSigns.length != n || n % block != 0) {
      throw new IllegalArgumentException(
          "a Hessian of %d × %d, %d signs and tiles of %d columns do not go together"
              .formatted(hessian.rows(), n, inputSigns.length, block));
    }
    FloatMatrix rotated =
        Rotations.rotate(
            hessian,
            inputSigns,
            inputSigns,
            (value, row, column) ->
                new InvalidRequest(
                    "the Hessian of %s is %s at row %d, column %d: the calibration met numbers that are not finite"
                        .formatted(name, value, row, column)),
            algebra,
            parallel);
    symmetrise(rotated);
    double[] factor = damped(name, rotated, damping);
    List<FloatMatrix> inverseBlocks = InverseBlocks.of(factor, n, block);
    requirePositive(name, damping, n, algebra.cholesky(factor, n, parallel));
    return new RotatedHessian(
        inputSigns.clone(), rotated, BlockFeedback.of(factor, n, block, parallel), inverseBlocks);
  }

  /**
   * Refuses what could not be factored.
   *
   * @param failed row of the first pivot that is not positive, or −1
   */
  static void requirePositive(String name, double damping, int n, int failed) {
    if (failed >= 0) {
      throw new InvalidRequest(
          "the Hessian of %s is not positive definite with damping %s (at row %d of %d): calibrate with more text or raise the damping"
              .formatted(name, damping, failed, n));
    }
  }

  /** Rounding in the transforms leaves the two halves a little different. */
  private static void symmetrise(FloatMatrix matrix) {
    int n = matrix.rows();
    float[] values = matrix.values();
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < i; j++) {
        float mean = 0.5f * (values[i * n + j] + values[j * n + i]);
        values[i * n + j] = mean;
        values[j * n + i] = mean;
      }
    }
  }

  /** The lower triangle of a matrix with a share of its mean diagonal added to the diagonal. */
  static double[] damped(String name, FloatMatrix rotated, double damping) {
    int n = rotated.rows();
    double[] damped = new double[Math.multiplyExact(n, n)];
    double trace = 0;
    for (int i = 0; i < n; i++) {
      for (int j = 0; j <= i; j++) {
        damped[i * n + j] = rotated.get(i, j);
      }
      trace += rotated.get(i, i);
    }
    if (trace == 0) {
      throw new InvalidRequest(
          "the Hessian of %s is zero: no calibration token reached it; use another, such as the layer's mean"
              .formatted(name));
    }
    for (int i = 0; i < n; i++) {
      damped[i * n + i] += damping * trace / n;
    }
    return damped;
  }

  /** n: inputs of the linear. */
  public int size() {
    return rotated.rows();
  }

  /** The signs of the input rotation. */
  public float[] inputSigns() {
    return inputSigns.clone();
  }

  /** H̃, undamped. */
  FloatMatrix rotated() {
    return rotated;
  }

  /** A = L − I: entry (i, j) says how the error in column i moves the target in column j < i. */
  FloatMatrix feedback() {
    return feedback;
  }

  /** The inverse of a block on the diagonal of the damped H̃, counted from the first. */
  FloatMatrix inverseBlock(int index) {
    return inverseBlocks.get(index);
  }
}
