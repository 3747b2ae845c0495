package org.espalier.testkit.reference;

import org.espalier.api.linear.Rotation;
import org.espalier.api.tensor.ElementType;
import org.espalier.testkit.number.Elements;

/**
 * A rotation in its two readings, which are each other's transpose. Both give a new vector and
 * leave the argument alone.
 */
final class Rotations {
  private Rotations() {}

  /** x ↦ Ĥ (s ⊙ x): what an input rotation does, and the transpose of an output rotation. */
  static double[] input(Rotation rotation, int expert, double[] x) {
    return switch (rotation) {
      case Rotation.Identity _ -> x.clone();
      case Rotation.SignedHadamard hadamard -> {
        double[] y = signed(hadamard, expert, x);
        Hadamard.transform(y, hadamard.block());
        yield y;
      }
    };
  }

  /** x ↦ s ⊙ (Ĥ x): what an output rotation does, and the transpose of an input rotation. */
  static double[] output(Rotation rotation, int expert, double[] x) {
    return switch (rotation) {
      case Rotation.Identity _ -> x.clone();
      case Rotation.SignedHadamard hadamard -> {
        double[] y = x.clone();
        Hadamard.transform(y, hadamard.block());
        yield signed(hadamard, expert, y);
      }
    };
  }

  private static double[] signed(Rotation.SignedHadamard hadamard, int expert, double[] x) {
    double[] y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      long index = (long) expert * x.length + i;
      y[i] = x[i] * Elements.read(hadamard.signs(), ElementType.F32, index);
    }
    return y;
  }
}
