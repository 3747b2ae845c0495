package org.espalier.backend.cpu.numeric;

import static org.espalier.backend.cpu.numeric.Lanes.COUNT;
import static org.espalier.backend.cpu.numeric.Lanes.SPECIES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Rows of half-precision numbers (IEEE binary16), two to a word, and products of them with one row
 * of floats, straight from where they lie: writing them out as floats first takes longer than the
 * products. Every result has the bits that {@link Products} gives for the same numbers as floats.
 *
 * <p>Word i of a vector of words holds value i of two neighbouring vectors of floats, that of the
 * first in its lower half, so that neither has to be shuffled; the values left at the end of a row
 * lie in pairs. The bits of a half, moved to where a float has its exponent, are a float that is
 * 2¹¹² times too small, subnormal ones included; so the other factor is taken 2¹¹² times as large.
 */
public final class Halves {
  /** The largest factor that may meet halves: more would overflow. */
  public static final float LARGEST_FACTOR = 0x1p15f;

  /** Values in a vector of words. */
  private static final int PAIR = 2 * COUNT;

  private static final float SCALE = 0x1p112f;
  private static final int SIGN_AND_MANTISSA = 0x8FFFE000;
  private static final int EXPONENT = 0x7C00;

  private static final VectorSpecies<Integer> WORDS =
      VectorSpecies.of(int.class, SPECIES.vectorShape());

  private Halves() {}

  /**
   * Whether {@link #multiply} and {@link #addWeighted} are fast here, and right to the bit: no
   * vector of floats may be left over at the end of a row.
   */
  public static boolean areMultiplied(int dimension) {
    return Fused.isAvailable() && dimension % PAIR < COUNT;
  }

  /** Words that a row takes. */
  public static int words(int dimension) {
    return (dimension + 1) / 2;
  }

  /** Rounds a row; whether all of its values are still finite. */
  public static boolean pack(float[] from, int at, int[] to, int offset, int dimension) {
    boolean finite = true;
    int i = 0;
    for (; i + PAIR <= dimension; i += PAIR) {
      for (int lane = 0; lane < COUNT; lane++) {
        short low = Float.floatToFloat16(from[at + i + lane]);
        short high = Float.floatToFloat16(from[at + i + COUNT + lane]);
        finite &= isFinite(low) & isFinite(high);
        to[offset + i / 2 + lane] = low & 0xFFFF | high << 16;
      }
    }
    for (; i < dimension; i += 2) {
      short low = Float.floatToFloat16(from[at + i]);
      short high = i + 1 < dimension ? Float.floatToFloat16(from[at + i + 1]) : 0;
      finite &= isFinite(low) & isFinite(high);
      to[offset + i / 2] = low & 0xFFFF | high << 16;
    }
    return finite;
  }

  private static boolean isFinite(short half) {
    return (half & EXPONENT) != EXPONENT;
  }

  /** Writes out rows that lie one after the other, exactly; what is not finite, too. */
  public static void unpack(int[] from, int offset, float[] to, int at, int dimension, int rows) {
    for (int row = 0; row < rows; row++) {
      int w = offset + row * words(dimension);
      int y = at + row * dimension;
      int whole = dimension / PAIR * PAIR;
      for (int i = 0; i < whole; i++) {
        int word = from[w + i / PAIR * COUNT + i % COUNT];
        to[y + i] = Float.float16ToFloat((short) (i % PAIR < COUNT ? word : word >> 16));
      }
      for (int i = whole; i < dimension; i++) {
        to[y + i] = tailValue(from, w, i);
      }
    }
  }

  /** A value past the last whole vector of words. */
  private static float tailValue(int[] w, int offset, int i) {
    return Float.float16ToFloat((short) (w[offset + i / 2] >> (i % 2 * 16)));
  }

  /** Writes out rows of finite values that lie one after the other, exactly. */
  public static void unpackFinite(
      int[] from, int offset, float[] to, int at, int dimension, int rows) {
    for (int row = 0; row < rows; row++) {
      int w = offset + row * words(dimension);
      int y = at + row * dimension;
      int i = 0;
      for (; i + PAIR <= dimension; i += PAIR) {
        IntVector word = IntVector.fromArray(WORDS, from, w + i / 2);
        low(word).mul(SCALE).intoArray(to, y + i);
        high(word).mul(SCALE).intoArray(to, y + i + COUNT);
      }
      for (; i < dimension; i++) {
        to[y + i] = tailValue(from, w, i);
      }
    }
  }

  private static FloatVector low(IntVector words) {
    return words
        .lanewise(VectorOperators.LSHL, 16)
        .lanewise(VectorOperators.ASHR, 3)
        .and(SIGN_AND_MANTISSA)
        .reinterpretAsFloats();
  }

  private static FloatVector high(IntVector words) {
    return words.lanewise(VectorOperators.ASHR, 3).and(SIGN_AND_MANTISSA).reinterpretAsFloats();
  }

  // No small methods in the two that follow: with so many vectors, C2 would call them instead of
  // inlining them, and make each vector an object.

  /**
   * Products of one row with rows of halves that lie one after the other.
   *
   * @param w their words, the first at {@code wOffset}; all values finite
   * @param outputs how many, a multiple of 4
   * @param inner values per row
   * @param x the row, no value above {@link #LARGEST_FACTOR}
   * @param y product with row o at {@code yOffset + o}
   * @param work room for {@link #workFloats}
   */
  public static void multiply(
      int[] w,
      int wOffset,
      int outputs,
      int inner,
      float[] x,
      int xOffset,
      float[] y,
      int yOffset,
      float[] work,
      int workOffset) {
    int stride = words(inner);
    for (int o = 0; o < outputs; o += 4) {
      addUpFour(w, wOffset + o * stride, stride, inner, x, xOffset, work, workOffset);
      Lanes.sums(work, workOffset, y, yOffset + o, false);
      int whole = inner / PAIR * PAIR;
      for (int i = 0; i < 4 && whole < inner; i++) {
        y[yOffset + o + i] += tail(w, wOffset + (o + i) * stride, x, xOffset, whole, inner);
      }
    }
  }

  /** Floats of working memory that {@link #multiply} wants. */
  public static int workFloats() {
    return 4 * COUNT;
  }

  private static void addUpFour(
      int[] w, int wo, int ws, int inner, float[] x, int xo, float[] sums, int so) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    for (int k = 0; k + PAIR <= inner; k += PAIR) {
      FloatVector a = FloatVector.fromArray(SPECIES, x, xo + k).mul(SCALE);
      FloatVector b = FloatVector.fromArray(SPECIES, x, xo + k + COUNT).mul(SCALE);
      int at = wo + k / 2;
      IntVector word0 = IntVector.fromArray(WORDS, w, at);
      s0 =
          word0
              .lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(SIGN_AND_MANTISSA)
              .reinterpretAsFloats()
              .fma(a, s0);
      s0 =
          word0
              .lanewise(VectorOperators.ASHR, 3)
              .and(SIGN_AND_MANTISSA)
              .reinterpretAsFloats()
              .fma(b, s0);
      IntVector word1 = IntVector.fromArray(WORDS, w, at + ws);
      s1 =
          word1
              .lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(SIGN_AND_MANTISSA)
              .reinterpretAsFloats()
              .fma(a, s1);
      s1 =
          word1
              .lanewise(VectorOperators.ASHR, 3)
              .and(SIGN_AND_MANTISSA)
              .reinterpretAsFloats()
              .fma(b, s1);
      IntVector word2 = IntVector.fromArray(WORDS, w, at + 2 * ws);
      s2 =
          word2
              .lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(SIGN_AND_MANTISSA)
              .reinterpretAsFloats()
              .fma(a, s2);
      s2 =
          word2
              .lanewise(VectorOperators.ASHR, 3)
              .and(SIGN_AND_MANTISSA)
              .reinterpretAsFloats()
              .fma(b, s2);
      IntVector word3 = IntVector.fromArray(WORDS, w, at + 3 * ws);
      s3 =
          word3
              .lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(SIGN_AND_MANTISSA)
              .reinterpretAsFloats()
              .fma(a, s3);
      s3 =
          word3
              .lanewise(VectorOperators.ASHR, 3)
              .and(SIGN_AND_MANTISSA)
              .reinterpretAsFloats()
              .fma(b, s3);
    }
    s0.intoArray(sums, so);
    s1.intoArray(sums, so + COUNT);
    s2.intoArray(sums, so + 2 * COUNT);
    s3.intoArray(sums, so + 3 * COUNT);
  }

  private static float tail(int[] w, int wo, float[] x, int xo, int from, int to) {
    float sum = 0;
    for (int k = from; k < to; k++) {
      sum = Fused.multiplyAdd(tailValue(w, wo, k), x[xo + k], sum);
    }
    return sum;
  }

  /**
   * y += Σ_j p_j · v_j over rows of halves that lie one after the other.
   *
   * @param v their words, the first at {@code vOffset}; all values finite
   * @param dimension values per row
   * @param p a factor per row, none above {@link #LARGEST_FACTOR}
   * @param count rows
   */
  public static void addWeighted(
      int[] v,
      int vOffset,
      int dimension,
      float[] p,
      int pOffset,
      int count,
      float[] y,
      int yOffset) {
    int stride = words(dimension);
    int d = 0;
    for (; d + 4 * PAIR <= dimension; d += 4 * PAIR) {
      addFourPairs(v, vOffset + d / 2, stride, p, pOffset, count, y, yOffset + d);
    }
    for (; d + PAIR <= dimension; d += PAIR) {
      addPair(v, vOffset + d / 2, stride, p, pOffset, count, y, yOffset + d);
    }
    for (; d < dimension; d++) {
      float sum = y[yOffset + d];
      for (int j = 0; j < count; j++) {
        sum = Fused.multiplyAdd(tailValue(v, vOffset + j * stride, d), p[pOffset + j], sum);
      }
      y[yOffset + d] = sum;
    }
  }

  private static void addFourPairs(
      int[] v, int vo, int stride, float[] p, int po, int count, float[] y, int yo) {
    FloatVector s0 = FloatVector.fromArray(SPECIES, y, yo);
    FloatVector s1 = FloatVector.fromArray(SPECIES, y, yo + COUNT);
    FloatVector s2 = FloatVector.fromArray(SPECIES, y, yo + 2 * COUNT);
    FloatVector s3 = FloatVector.fromArray(SPECIES, y, yo + 3 * COUNT);
    FloatVector s4 = FloatVector.fromArray(SPECIES, y, yo + 4 * COUNT);
    FloatVector s5 = FloatVector.fromArray(SPECIES, y, yo + 5 * COUNT);
    FloatVector s6 = FloatVector.fromArray(SPECIES, y, yo + 6 * COUNT);
    FloatVector s7 = FloatVector.fromArray(SPECIES, y, yo + 7 * COUNT);
    for (int j = 0; j < count; j++) {
      FloatVector factor = FloatVector.broadcast(SPECIES, p[po + j] * SCALE);
      int at = vo + j * stride;
      IntVector word = IntVector.fromArray(WORDS, v, at);
      s0 =
          word.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(SIGN_AND_MANTISSA)
              .reinterpretAsFloats()
              .fma(factor, s0);
      s1 =
          word.lanewise(VectorOperators.ASHR, 3)
              .and(SIGN_AND_MANTISSA)
              .reinterpretAsFloats()
              .fma(factor, s1);
      word = IntVector.fromArray(WORDS, v, at + COUNT);
      s2 =
          word.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(SIGN_AND_MANTISSA)
              .reinterpretAsFloats()
              .fma(factor, s2);
      s3 =
          word.lanewise(VectorOperators.ASHR, 3)
              .and(SIGN_AND_MANTISSA)
              .reinterpretAsFloats()
              .fma(factor, s3);
      word = IntVector.fromArray(WORDS, v, at + 2 * COUNT);
      s4 =
          word.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(SIGN_AND_MANTISSA)
              .reinterpretAsFloats()
              .fma(factor, s4);
      s5 =
          word.lanewise(VectorOperators.ASHR, 3)
              .and(SIGN_AND_MANTISSA)
              .reinterpretAsFloats()
              .fma(factor, s5);
      word = IntVector.fromArray(WORDS, v, at + 3 * COUNT);
      s6 =
          word.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(SIGN_AND_MANTISSA)
              .reinterpretAsFloats()
              .fma(factor, s6);
      s7 =
          word.lanewise(VectorOperators.ASHR, 3)
              .and(SIGN_AND_MANTISSA)
              .reinterpretAsFloats()
              .fma(factor, s7);
    }
    s0.intoArray(y, yo);
    s1.intoArray(y, yo + COUNT);
    s2.intoArray(y, yo + 2 * COUNT);
    s3.intoArray(y, yo + 3 * COUNT);
    s4.intoArray(y, yo + 4 * COUNT);
    s5.intoArray(y, yo + 5 * COUNT);
    s6.intoArray(y, yo + 6 * COUNT);
    s7.intoArray(y, yo + 7 * COUNT);
  }

  private static void addPair(
      int[] v, int vo, int stride, float[] p, int po, int count, float[] y, int yo) {
    FloatVector s0 = FloatVector.fromArray(SPECIES, y, yo);
    FloatVector s1 = FloatVector.fromArray(SPECIES, y, yo + COUNT);
    for (int j = 0; j < count; j++) {
      FloatVector factor = FloatVector.broadcast(SPECIES, p[po + j] * SCALE);
      IntVector word = IntVector.fromArray(WORDS, v, vo + j * stride);
      s0 =
          word.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 3)
              .and(SIGN_AND_MANTISSA)
              .reinterpretAsFloats()
              .fma(factor, s0);
      s1 =
          word.lanewise(VectorOperators.ASHR, 3)
              .and(SIGN_AND_MANTISSA)
              .reinterpretAsFloats()
              .fma(factor, s1);
    }
    s0.intoArray(y, yo);
    s1.intoArray(y, yo + COUNT);
  }
}
