package org.espalier.backend.cpu.numeric;

import static org.espalier.backend.cpu.numeric.Lanes.COUNT;
import static org.espalier.backend.cpu.numeric.Lanes.SPECIES;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import org.espalier.api.backend.CacheType;

/**
 * Rows of numbers rounded to bytes with a half-precision scale for every {@value #BLOCK} of them
 * ({@link CacheType#Q8_0}), and products of them with one row of floats, straight from where they
 * lie. Every result has the bits that {@link Products} gives for the same numbers as floats.
 *
 * <p>Byte i of a vector of words holds a value of the i-th of four neighbouring vectors of floats,
 * so that none has to be shuffled; the values left at the end of a row lie four to a word. Behind
 * the words of a row are its scales, as floats: to unpack halves would take longer than to load
 * them.
 *
 * <p>Bytes are 128 too high. One shift and a mask put such a byte into the mantissa of 256, which
 * makes it 384 too high; the product with its scale then takes 384 scales back, with one rounding,
 * so it is that of the byte itself.
 */
public final class ByteBlocks {
  private static final int BLOCK = CacheType.BLOCK;

  /** Floats per vector in this layout; wider vectors than it knows take the slow way. */
  private static final int LANES = Math.min(COUNT, 16);

  /** Values in a vector of words. */
  private static final int FOUR = 4 * LANES;

  private static final boolean VECTORS = LANES == COUNT && COUNT >= 4;
  private static final float ROUND = 0x1.8p23f;
  private static final int HIGH = 0x80;
  private static final int ALL_HIGH = 0x80808080;
  private static final int MANTISSA = 0x7F8000;
  private static final int EXPONENT = Float.floatToRawIntBits(256);
  private static final float EXCESS = 384;

  private static final VectorSpecies<Integer> WORDS =
      VectorSpecies.of(int.class, SPECIES.vectorShape());

  private ByteBlocks() {}

  /** Whether {@link #multiply} and {@link #addWeighted} can be used for rows of this length. */
  public static boolean areMultiplied(int dimension) {
    return Fused.isAvailable() && VECTORS && COUNT >= 8 && dimension % FOUR == 0;
  }

  /** Words that a row takes, with its scales. */
  public static int words(int dimension) {
    return valueWords(dimension) + blocks(dimension);
  }

  private static int valueWords(int dimension) {
    return (dimension + 3) / 4;
  }

  private static int blocks(int dimension) {
    return (dimension + BLOCK - 1) / BLOCK;
  }

  /** Rounds a row. Where a value is not finite, none of its block is. */
  public static void pack(float[] from, int at, int[] to, int offset, int dimension) {
    Arrays.fill(to, offset, offset + words(dimension), 0);
    int scales = offset + valueWords(dimension);
    for (int block = 0; block < blocks(dimension); block++) {
      int first = block * BLOCK;
      int count = Math.min(BLOCK, dimension - first);
      short half = Float.floatToFloat16(Elementwise.largest(from, at + first, count) / 127);
      to[scales + block] = Float.floatToRawIntBits(Float.float16ToFloat(half));
    }
    int whole = dimension / FOUR * FOUR;
    for (int i = 0; i < whole; i += LANES) {
      float perUnit = perUnit(scale(to, scales, i / BLOCK));
      round(from, at + i, perUnit, LANES, to, offset + i / FOUR * LANES, i / LANES % 4 * 8);
    }
    for (int i = whole; i < dimension; i++) {
      float perUnit = perUnit(scale(to, scales, i / BLOCK));
      round(from, at + i, perUnit, 1, to, offset + i / 4, i % 4 * 8);
    }
  }

  private static float perUnit(float scale) {
    return scale == 0 ? 0 : 1 / scale;
  }

  // A plain loop: the compiler turns it into vector instructions.
  private static void round(
      float[] from, int at, float perUnit, int count, int[] to, int offset, int shift) {
    for (int i = 0; i < count; i++) {
      float q = Math.max(-127, Math.min(127, from[at + i] * perUnit));
      to[offset + i] |= (Float.floatToRawIntBits(q + ROUND) & 0xFF ^ HIGH) << shift;
    }
  }

  private static float scale(int[] words, int scales, int block) {
    return Float.intBitsToFloat(words[scales + block]);
  }

  /** Writes out rows that lie one after the other. */
  public static void unpack(int[] from, int offset, float[] to, int at, int dimension, int rows) {
    for (int row = 0; row < rows; row++) {
      int words = offset + row * words(dimension);
      int scales = words + valueWords(dimension);
      int y = at + row * dimension;
      int i = 0;
      for (; VECTORS && i + FOUR <= dimension; i += FOUR) {
        unpackFour(from, words + i / 4, scales, i, to, y + i);
      }
      int whole = dimension / FOUR * FOUR;
      for (; i < dimension; i++) {
        int word = from[words + (i < whole ? i / FOUR * LANES + i % LANES : i / 4)];
        int shift = (i < whole ? i / LANES : i) % 4 * 8;
        to[y + i] = (byte) (word >> shift ^ HIGH) * scale(from, scales, i / BLOCK);
      }
    }
  }

  /** A pair of vectors lies within a block, whichever width vectors have. */
  private static void unpackFour(int[] from, int word, int scales, int i, float[] to, int at) {
    IntVector bytes =
        IntVector.fromArray(WORDS, from, word).lanewise(VectorOperators.XOR, ALL_HIGH);
    float a = scale(from, scales, i / BLOCK);
    float b = scale(from, scales, (i + 2 * LANES) / BLOCK);
    ((FloatVector)
            bytes
                .lanewise(VectorOperators.LSHL, 24)
                .lanewise(VectorOperators.ASHR, 24)
                .convert(VectorOperators.I2F, 0))
        .mul(a)
        .intoArray(to, at);
    ((FloatVector)
            bytes
                .lanewise(VectorOperators.LSHL, 16)
                .lanewise(VectorOperators.ASHR, 24)
                .convert(VectorOperators.I2F, 0))
        .mul(a)
        .intoArray(to, at + LANES);
    ((FloatVector)
            bytes
                .lanewise(VectorOperators.LSHL, 8)
                .lanewise(VectorOperators.ASHR, 24)
                .convert(VectorOperators.I2F, 0))
        .mul(b)
        .intoArray(to, at + 2 * LANES);
    ((FloatVector) bytes.lanewise(VectorOperators.ASHR, 24).convert(VectorOperators.I2F, 0))
        .mul(b)
        .intoArray(to, at + 3 * LANES);
  }

  /** Floats of working memory that {@link #multiply} wants. */
  public static int workFloats() {
    return 4 * COUNT;
  }

  /**
   * Products of one row with rows that lie one after the other.
   *
   * @param w their words, the first at {@code wOffset}
   * @param outputs how many, a multiple of 4
   * @param inner values per row, one for which {@link #areMultiplied}
   * @param x the row
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
      int at = wOffset + o * stride;
      addUpTwo(w, at, stride, inner, x, xOffset, work, workOffset);
      addUpTwo(w, at + 2 * stride, stride, inner, x, xOffset, work, workOffset + 2 * COUNT);
      Lanes.sums(work, workOffset, y, yOffset + o, false);
    }
  }

  // No small methods in the two that follow: with so many vectors, C2 would call them instead of
  // inlining them, and make each vector an object.

  private static void addUpTwo(
      int[] w, int wo, int ws, int inner, float[] x, int xo, float[] sums, int so) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    int scales = wo + inner / 4;
    for (int k = 0; k + FOUR <= inner; k += FOUR) {
      FloatVector xa = FloatVector.fromArray(SPECIES, x, xo + k);
      FloatVector xb = FloatVector.fromArray(SPECIES, x, xo + k + COUNT);
      FloatVector xc = FloatVector.fromArray(SPECIES, x, xo + k + 2 * COUNT);
      FloatVector xd = FloatVector.fromArray(SPECIES, x, xo + k + 3 * COUNT);
      int at = wo + k / 4;
      int a = scales + k / BLOCK;
      int b = scales + (k + 2 * COUNT) / BLOCK;
      FloatVector low = FloatVector.broadcast(SPECIES, Float.intBitsToFloat(w[a]));
      FloatVector high = FloatVector.broadcast(SPECIES, Float.intBitsToFloat(w[b]));
      FloatVector lowExcess = low.mul(-EXCESS);
      FloatVector highExcess = high.mul(-EXCESS);
      IntVector bytes = IntVector.fromArray(WORDS, w, at);
      s0 =
          bytes
              .lanewise(VectorOperators.LSHL, 15)
              .and(MANTISSA)
              .or(EXPONENT)
              .reinterpretAsFloats()
              .fma(low, lowExcess)
              .fma(xa, s0);
      s0 =
          bytes
              .lanewise(VectorOperators.LSHL, 7)
              .and(MANTISSA)
              .or(EXPONENT)
              .reinterpretAsFloats()
              .fma(low, lowExcess)
              .fma(xb, s0);
      s0 =
          bytes
              .lanewise(VectorOperators.LSHR, 1)
              .and(MANTISSA)
              .or(EXPONENT)
              .reinterpretAsFloats()
              .fma(high, highExcess)
              .fma(xc, s0);
      s0 =
          bytes
              .lanewise(VectorOperators.LSHR, 9)
              .and(MANTISSA)
              .or(EXPONENT)
              .reinterpretAsFloats()
              .fma(high, highExcess)
              .fma(xd, s0);
      low = FloatVector.broadcast(SPECIES, Float.intBitsToFloat(w[a + ws]));
      high = FloatVector.broadcast(SPECIES, Float.intBitsToFloat(w[b + ws]));
      lowExcess = low.mul(-EXCESS);
      highExcess = high.mul(-EXCESS);
      bytes = IntVector.fromArray(WORDS, w, at + ws);
      s1 =
          bytes
              .lanewise(VectorOperators.LSHL, 15)
              .and(MANTISSA)
              .or(EXPONENT)
              .reinterpretAsFloats()
              .fma(low, lowExcess)
              .fma(xa, s1);
      s1 =
          bytes
              .lanewise(VectorOperators.LSHL, 7)
              .and(MANTISSA)
              .or(EXPONENT)
              .reinterpretAsFloats()
              .fma(low, lowExcess)
              .fma(xb, s1);
      s1 =
          bytes
              .lanewise(VectorOperators.LSHR, 1)
              .and(MANTISSA)
              .or(EXPONENT)
              .reinterpretAsFloats()
              .fma(high, highExcess)
              .fma(xc, s1);
      s1 =
          bytes
              .lanewise(VectorOperators.LSHR, 9)
              .and(MANTISSA)
              .or(EXPONENT)
              .reinterpretAsFloats()
              .fma(high, highExcess)
              .fma(xd, s1);
    }
    s0.intoArray(sums, so);
    s1.intoArray(sums, so + COUNT);
  }

  /**
   * y += Σ_j p_j · v_j over rows that lie one after the other.
   *
   * @param v their words, the first at {@code vOffset}
   * @param dimension values per row, one for which {@link #areMultiplied}
   * @param p a factor per row
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
    int scales = vOffset + dimension / 4;
    int stride = words(dimension);
    for (int d = 0; d + FOUR <= dimension; d += FOUR) {
      addFour(
          v,
          vOffset + d / 4,
          scales + d / BLOCK,
          scales + (d + 2 * COUNT) / BLOCK,
          stride,
          p,
          pOffset,
          count,
          y,
          yOffset + d);
    }
  }

  private static void addFour(
      int[] v, int vo, int a, int b, int stride, float[] p, int po, int count, float[] y, int yo) {
    FloatVector s0 = FloatVector.fromArray(SPECIES, y, yo);
    FloatVector s1 = FloatVector.fromArray(SPECIES, y, yo + COUNT);
    FloatVector s2 = FloatVector.fromArray(SPECIES, y, yo + 2 * COUNT);
    FloatVector s3 = FloatVector.fromArray(SPECIES, y, yo + 3 * COUNT);
    for (int j = 0; j < count; j++) {
      FloatVector factor = FloatVector.broadcast(SPECIES, p[po + j]);
      FloatVector low = FloatVector.broadcast(SPECIES, Float.intBitsToFloat(v[a + j * stride]));
      FloatVector high = FloatVector.broadcast(SPECIES, Float.intBitsToFloat(v[b + j * stride]));
      FloatVector lowExcess = low.mul(-EXCESS);
      FloatVector highExcess = high.mul(-EXCESS);
      IntVector bytes = IntVector.fromArray(WORDS, v, vo + j * stride);
      s0 =
          bytes
              .lanewise(VectorOperators.LSHL, 15)
              .and(MANTISSA)
              .or(EXPONENT)
              .reinterpretAsFloats()
              .fma(low, lowExcess)
              .fma(factor, s0);
      s1 =
          bytes
              .lanewise(VectorOperators.LSHL, 7)
              .and(MANTISSA)
              .or(EXPONENT)
              .reinterpretAsFloats()
              .fma(low, lowExcess)
              .fma(factor, s1);
      s2 =
          bytes
              .lanewise(VectorOperators.LSHR, 1)
              .and(MANTISSA)
              .or(EXPONENT)
              .reinterpretAsFloats()
              .fma(high, highExcess)
              .fma(factor, s2);
      s3 =
          bytes
              .lanewise(VectorOperators.LSHR, 9)
              .and(MANTISSA)
              .or(EXPONENT)
              .reinterpretAsFloats()
              .fma(high, highExcess)
              .fma(factor, s3);
    }
    s0.intoArray(y, yo);
    s1.intoArray(y, yo + COUNT);
    s2.intoArray(y, yo + 2 * COUNT);
    s3.intoArray(y, yo + 3 * COUNT);
  }
}
