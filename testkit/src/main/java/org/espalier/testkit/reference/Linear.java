package org.espalier.testkit.reference;

import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;

/** A bank of linear operators y = W x, run by the definition of its form. */
final class Linear {
  private final EncodedLinear encoded;
  private final Core core;

  /**
   * @param keep whether decoded weights stay in memory
   */
  Linear(EncodedLinear encoded, boolean keep) {
    this.encoded = encoded;
    this.core = new Core(encoded, keep);
  }

  /** W x for a bank of one. */
  double[] multiply(double[] x) {
    return multiply(0, x);
  }

  /** W x with the matrix of the given expert. */
  double[] multiply(int expert, double[] x) {
    return switch (encoded.form()) {
      case LinearForm.Dense _ -> core.multiply(expert, x);
      case LinearForm.Tiled tiled -> {
        double[] rotated = Rotations.input(tiled.input(), expert, x);
        double[] product = core.multiply(expert, rotated);
        yield Rotations.output(tiled.output(), expert, product);
      }
    };
  }

  /** One row of W in a bank of one: what a token table is read by. */
  double[] row(int index) {
    return switch (encoded.form()) {
      case LinearForm.Dense _ -> core.row(0, index);
      case LinearForm.Tiled tiled -> {
        // Row i of R_out C R_in is R_inᵀ Cᵀ R_outᵀ e_i.
        double[] unit = new double[encoded.shape().outputs()];
        unit[index] = 1;
        double[] rotated = Rotations.input(tiled.output(), 0, unit);
        double[] product = core.multiplyTransposed(0, rotated);
        yield Rotations.output(tiled.input(), 0, product);
      }
    };
  }

  /** Forgets what it has decoded, because the bytes have changed. */
  void forget() {
    core.forget();
  }
}
