package org.espalier.backend.cpu.numeric;

import static org.espalier.backend.cpu.numeric.Lanes.COUNT;
import static org.espalier.backend.cpu.numeric.Lanes.SPECIES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * One row times outputs of a BF16 matrix, read where it lies. Two neighbours share a 32-bit lane,
 * so a shift gives the even weights as floats and a mask the odd ones; the row must therefore be at
 * hand with its even and its odd values apart.
 */
public final class BrainProducts {
  private static final VectorSpecies<Integer> PAIRS =
      VectorSpecies.of(int.class, SPECIES.vectorShape());
  private static final int BLOCK = 4;
  private static final int HIGH = 0xFFFF0000;

  private BrainProducts() {}

  /** Puts the even values of a row of even length first and the odd ones behind them. */
  public static void separate(float[] x, int offset, int length, float[] target, int targetOffset) {
    int half = length / 2;
    for (int i = 0; i < half; i++) {
      target[targetOffset + i] = x[offset + 2 * i];
      target[targetOffset + half + i] = x[offset + 2 * i + 1];
    }
  }

  /**
   * Multiplies.
   *
   * @param w the matrix, two weights in an int, the one of lower index in the low half
   * @param wOffset int of the first weight of the first output
   * @param outputs how many
   * @param inner inputs, an even number, and weights from one output to the next
   * @param x the row as {@link #separate} leaves it
   */
  public static void multiply(
      int[] w,
      int wOffset,
      int outputs,
      int inner,
      float[] x,
      int xOffset,
      float[] y,
      int yOffset) {
    int stride = inner / 2;
    int o = 0;
    for (; o + BLOCK <= outputs; o += BLOCK) {
      four(w, wOffset + o * stride, stride, inner / 2, x, xOffset, y, yOffset + o);
    }
    for (; o < outputs; o++) {
      y[yOffset + o] = one(w, wOffset + o * stride, inner / 2, x, xOffset);
    }
  }

  private static void four(
      int[] w, int wo, int ws, int pairs, float[] x, int xo, float[] y, int yo) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    int k = 0;
    for (; k + COUNT <= pairs; k += COUNT) {
      FloatVector even = FloatVector.fromArray(SPECIES, x, xo + k);
      FloatVector odd = FloatVector.fromArray(SPECIES, x, xo + pairs + k);
      int at = wo + k;
      IntVector w0 = load(w, at);
      s0 = odd(w0).fma(odd, even(w0).fma(even, s0));
      IntVector w1 = load(w, at + ws);
      s1 = odd(w1).fma(odd, even(w1).fma(even, s1));
      IntVector w2 = load(w, at + 2 * ws);
      s2 = odd(w2).fma(odd, even(w2).fma(even, s2));
      IntVector w3 = load(w, at + 3 * ws);
      s3 = odd(w3).fma(odd, even(w3).fma(even, s3));
    }
    y[yo] = Lanes.sum(s0) + tail(w, wo, x, xo, k, pairs);
    y[yo + 1] = Lanes.sum(s1) + tail(w, wo + ws, x, xo, k, pairs);
    y[yo + 2] = Lanes.sum(s2) + tail(w, wo + 2 * ws, x, xo, k, pairs);
    y[yo + 3] = Lanes.sum(s3) + tail(w, wo + 3 * ws, x, xo, k, pairs);
  }

  private static float one(int[] w, int wo, int pairs, float[] x, int xo) {
    FloatVector sum = FloatVector.zero(SPECIES);
    int k = 0;
    for (; k + COUNT <= pairs; k += COUNT) {
      IntVector both = load(w, wo + k);
      sum = even(both).fma(FloatVector.fromArray(SPECIES, x, xo + k), sum);
      sum = odd(both).fma(FloatVector.fromArray(SPECIES, x, xo + pairs + k), sum);
    }
    return Lanes.sum(sum) + tail(w, wo, x, xo, k, pairs);
  }

  private static IntVector load(int[] w, int offset) {
    return IntVector.fromArray(PAIRS, w, offset);
  }

  private static FloatVector even(IntVector pairs) {
    return pairs.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
  }

  private static FloatVector odd(IntVector pairs) {
    return pairs.and(HIGH).reinterpretAsFloats();
  }

  private static float tail(int[] w, int wo, float[] x, int xo, int from, int pairs) {
    float sum = 0;
    for (int k = from; k < pairs; k++) {
      int both = w[wo + k];
      sum = Math.fma(Float.intBitsToFloat(both << 16), x[xo + k], sum);
      sum = Math.fma(Float.intBitsToFloat(both & HIGH), x[xo + pairs + k], sum);
    }
    return sum;
  }
}
