package org.espalier.backend.cpu.numeric;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/** The vector shape of this machine, and a sum over lanes whose order is fixed. */
public final class Lanes {
  /** The widest float vectors that the machine runs natively. */
  public static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;

  /** Floats per vector. */
  public static final int COUNT = SPECIES.length();

  private static final VectorShuffle<Float> XOR_8 = xor(8);
  private static final VectorShuffle<Float> XOR_4 = xor(4);
  private static final VectorShuffle<Float> XOR_2 = xor(2);
  private static final VectorShuffle<Float> XOR_1 = xor(1);

  private Lanes() {}

  /** The shuffle that exchanges lanes whose numbers differ in one bit. */
  static VectorShuffle<Float> xor(int bit) {
    return VectorShuffle.fromOp(SPECIES, lane -> bit < COUNT ? lane ^ bit : lane);
  }

  /**
   * The sum over lanes. {@code reduceLanes(ADD)} may add in another order once it is compiled, so
   * that a text would depend on when the compiler got there; this order is fixed.
   */
  public static float sum(FloatVector v) {
    FloatVector sum = v;
    if (COUNT > 16) {
      float total = 0;
      for (int lane = 0; lane < COUNT; lane++) {
        total += v.lane(lane);
      }
      return total;
    }
    if (COUNT >= 16) {
      sum = sum.add(sum.rearrange(XOR_8));
    }
    if (COUNT >= 8) {
      sum = sum.add(sum.rearrange(XOR_4));
    }
    if (COUNT >= 4) {
      sum = sum.add(sum.rearrange(XOR_2));
    }
    if (COUNT >= 2) {
      sum = sum.add(sum.rearrange(XOR_1));
    }
    return sum.lane(0);
  }
}
