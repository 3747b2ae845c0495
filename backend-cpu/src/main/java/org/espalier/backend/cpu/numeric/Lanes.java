package org.espalier.backend.cpu.numeric;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
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

  private static final VectorShuffle<Float> XOR_HALF = xor(Math.max(1, COUNT / 2));
  private static final VectorShuffle<Float> XOR_QUARTER = xor(Math.max(1, COUNT / 4));
  private static final VectorMask<Float> HALF = lanesWith(COUNT / 2);
  private static final VectorMask<Float> QUARTER = lanesWith(COUNT / 4);
  private static final VectorMask<Float> FIRST_FOUR = SPECIES.indexInRange(0, 4);
  private static final VectorShuffle<Float> TO_FRONT =
      VectorShuffle.fromOp(
          SPECIES, lane -> ((lane & 1) * (COUNT / 2) + (lane >> 1 & 1) * (COUNT / 4)) % COUNT);

  private static VectorMask<Float> lanesWith(int bit) {
    long lanes = 0;
    for (int lane = 0; lane < Math.min(COUNT, 64); lane++) {
      lanes |= (lane & bit) != 0 ? 1L << lane : 0;
    }
    return VectorMask.fromLong(SPECIES, lanes);
  }

  /**
   * The sums of four vectors that lie one after the other, with the same bits as {@link #sum},
   * written to neighbouring places or added to what is there. Two vectors are folded at a time,
   * which takes half the work of four single sums and keeps all of it in vectors.
   *
   * <p>Vectors come through memory, and no other method takes part, so that it does not matter what
   * C2 inlines: where it does not, vectors in parameters become objects, and whether it does
   * depends on what else the process has run.
   */
  static void sums(float[] vectors, int at, float[] y, int offset, boolean accumulate) {
    if (COUNT < 4 || COUNT > 16) {
      for (int i = 0; i < 4; i++) {
        float before = accumulate ? y[offset + i] : 0;
        y[offset + i] = before + sum(FloatVector.fromArray(SPECIES, vectors, at + i * COUNT));
      }
      return;
    }
    FloatVector a = FloatVector.fromArray(SPECIES, vectors, at);
    FloatVector b = FloatVector.fromArray(SPECIES, vectors, at + COUNT);
    FloatVector c = FloatVector.fromArray(SPECIES, vectors, at + 2 * COUNT);
    FloatVector d = FloatVector.fromArray(SPECIES, vectors, at + 3 * COUNT);
    FloatVector ab = a.blend(b, HALF).add(b.blend(a, HALF).rearrange(XOR_HALF));
    FloatVector cd = c.blend(d, HALF).add(d.blend(c, HALF).rearrange(XOR_HALF));
    FloatVector sums = ab.blend(cd, QUARTER).add(cd.blend(ab, QUARTER).rearrange(XOR_QUARTER));
    if (COUNT >= 16) {
      sums = sums.add(sums.rearrange(XOR_2));
    }
    if (COUNT >= 8) {
      sums = sums.add(sums.rearrange(XOR_1));
    }
    sums = sums.rearrange(TO_FRONT);
    if (accumulate) {
      sums = sums.add(FloatVector.fromArray(SPECIES, y, offset, FIRST_FOUR));
    }
    sums.intoArray(y, offset, FIRST_FOUR);
  }
}
