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
   * The sums of four vectors, with the same bits as {@link #sum}, written to neighbouring places or
   * added to what is there. Two vectors are folded at a time, which takes half the work of four
   * single sums and keeps all of it in vectors.
   */
  static void sums(
      FloatVector a,
      FloatVector b,
      FloatVector c,
      FloatVector d,
      float[] y,
      int offset,
      boolean accumulate) {
    if (COUNT < 4 || COUNT > 16) {
      putSum(a, y, offset, accumulate);
      putSum(b, y, offset + 1, accumulate);
      putSum(c, y, offset + 2, accumulate);
      putSum(d, y, offset + 3, accumulate);
    } else {
      FloatVector ab = fold(a, b, HALF, XOR_HALF);
      FloatVector cd = fold(c, d, HALF, XOR_HALF);
      putFour(withinFour(fold(ab, cd, QUARTER, XOR_QUARTER)), y, offset, accumulate);
    }
  }

  // Small methods: C2 leaves vectors as objects where it finds a method too long to be inlined.

  /** Sums of pairs of lanes of {@code a}, and where the mask is set, of {@code b}. */
  private static FloatVector fold(
      FloatVector a, FloatVector b, VectorMask<Float> mask, VectorShuffle<Float> exchange) {
    return a.blend(b, mask).add(b.blend(a, mask).rearrange(exchange));
  }

  private static FloatVector withinFour(FloatVector v) {
    FloatVector sums = v;
    if (COUNT >= 16) {
      sums = sums.add(sums.rearrange(XOR_2));
    }
    if (COUNT >= 8) {
      sums = sums.add(sums.rearrange(XOR_1));
    }
    return sums.rearrange(TO_FRONT);
  }

  private static void putFour(FloatVector sums, float[] y, int offset, boolean accumulate) {
    if (COUNT == 4) {
      (accumulate ? sums.add(FloatVector.fromArray(SPECIES, y, offset)) : sums)
          .intoArray(y, offset);
    } else {
      (accumulate ? sums.add(FloatVector.fromArray(SPECIES, y, offset, FIRST_FOUR)) : sums)
          .intoArray(y, offset, FIRST_FOUR);
    }
  }

  private static void putSum(FloatVector v, float[] y, int offset, boolean accumulate) {
    y[offset] = (accumulate ? y[offset] : 0) + sum(v);
  }
}
