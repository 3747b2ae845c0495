package org.espalier.runtime.quantisation.tuning;

import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;

/**
 * y = left ⊙ (B (right ⊙ x)) with a matrix B that stays and two vectors that can be tuned: what a
 * matrix between two signed Hadamard rotations is when B is decoded together with the transforms.
 */
final class TunableLinear {
  /** Offset of a vector of ones that is no parameter. */
  static final int ONES = -1;

  private final OperatorPart part;
  private final FloatMatrix matrix;
  private final FloatMatrix transposed;
  private final int left;
  private final int right;

  /**
   * A linear.
   *
   * @param part for whoever watches
   * @param matrix B, outputs × inputs
   * @param left offset of the output scales among the parameters, or {@link #ONES}
   * @param right the same of the input scales
   */
  TunableLinear(OperatorPart part, FloatMatrix matrix, int left, int right) {
    this.part = part;
    this.matrix = matrix;
    this.transposed = Rows.transpose(matrix);
    this.left = left;
    this.right = right;
  }

  /** Sees what a linear multiplies and how the loss depends on what it gives. */
  interface Watcher {
    /** Sees nothing. */
    Watcher NONE = (linear, x, gradient) -> {};

    /**
     * Rows of one sequence.
     *
     * @param x inputs of a linear
     * @param gradient of the loss with respect to its outputs
     */
    void seen(OperatorPart linear, FloatMatrix x, FloatMatrix gradient);
  }

  /**
   * What the backward pass needs to know of a forward pass.
   *
   * @param core B (right ⊙ x)
   */
  record Use(FloatMatrix x, FloatMatrix core, FloatMatrix y) {}

  int outputs() {
    return matrix.rows();
  }

  Use forward(float[] parameters, FloatMatrix x, LinearAlgebra algebra) {
    FloatMatrix input = right == ONES ? x : Rows.scaled(x, parameters, right);
    FloatMatrix core = Rows.product(input, transposed, algebra);
    return new Use(x, core, left == ONES ? core : Rows.scaled(core, parameters, left));
  }

  /** Adds to the gradients of its parameters and gives that of x. */
  FloatMatrix backward(
      float[] parameters,
      Use use,
      FloatMatrix dy,
      float[] gradients,
      Watcher watcher,
      LinearAlgebra algebra) {
    watcher.seen(part, use.x(), dy);
    FloatMatrix dCore = dy;
    if (left != ONES) {
      Rows.addColumnProducts(dy, use.core(), gradients, left);
      dCore = Rows.scaled(dy, parameters, left);
    }
    FloatMatrix dInput = Rows.product(dCore, matrix, algebra);
    if (right == ONES) {
      return dInput;
    }
    Rows.addColumnProducts(dInput, use.x(), gradients, right);
    return Rows.scaled(dInput, parameters, right);
  }
}
