package org.espalier.runtime.quantisation.tuning;

import java.util.function.BiFunction;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;

/** A stage that adds to the residual stream. */
interface Block {

  /**
   * Computes what a stage makes of the rows of one sequence.
   *
   * @param x rows of the residual stream; not changed
   */
  Output forward(float[] parameters, FloatMatrix x, LinearAlgebra algebra);

  /**
   * What came out.
   *
   * @param y x with the stage's share added
   * @param backward from the gradient of y and the sums of gradients to the gradient of x
   */
  record Output(FloatMatrix y, BiFunction<FloatMatrix, Gradients, FloatMatrix> backward) {}

  /**
   * Where gradients go.
   *
   * @param sums one for each parameter
   * @param watcher sees the linears
   */
  record Gradients(float[] sums, TunableLinear.Watcher watcher) {}
}
