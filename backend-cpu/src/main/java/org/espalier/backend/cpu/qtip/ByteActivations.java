package org.espalier.backend.cpu.qtip;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.function.IntUnaryOperator;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * Activations rounded to small integers in the order in which {@link VbmiMultiplier} meets the
 * weights: 40 bytes per 16 columns.
 *
 * <p>Vectors of 16-bit lanes hold two lanes per row of a tile, the even one for columns 0 … 7 and
 * the odd one for 8 … 15, so activations come in ints of two halves. A tile takes two passes, for
 * columns 0 … 3 and 4 … 7 of each half. For each pass there are five ints: what is added at first,
 * then the factors of the pairs' first and second components, of the first pair of columns and of
 * the second.
 *
 * <ul>
 *   <li>Weights are stored 128 too high; the first int takes that back. In the even lane it also
 *       adds 32768, which makes the sum of the lane positive when widened.
 *   <li>The second pair's weights are the upper bytes of words whose lower bytes are the first
 *       pair's. The word as a whole is multiplied by the first pair's factor; the second's
 *       therefore lacks 256 times the first's.
 *   <li>All that is arithmetic modulo 2^16; the true sum of a pass fits a short, because the scale
 *       of 256 columns was chosen by it.
 * </ul>
 */
final class ByteActivations {
  /** Columns that share a scale. */
  static final int GROUP = 256;

  static final int GROUP_TILES = GROUP / QtipCore.TILE;

  /** Bytes for the columns of one tile. */
  static final int TILE_BYTES = 40;

  private static final int PASS_BYTES = 20;
  private static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

  // Adding 1.5·2²³ rounds to a whole number and leaves it in the low bits.
  private static final float ROUND = 0x1.8p23f;
  private static final int ROUND_BITS = Float.floatToRawIntBits(ROUND);

  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_512;
  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_512;
  private static final int LANES = 16;

  /** Where vectors hold the columns of a tile, they do the work; the results are the same. */
  private static final boolean VECTORS = VectorShape.preferredShape().vectorBitSize() >= 512;

  private static final VectorShuffle<Float> OTHER_OF_PAIR = shuffle(FLOATS, i -> i ^ 1);
  private static final VectorShuffle<Float> OTHER_PAIR = shuffle(FLOATS, i -> i ^ 2);
  private static final VectorShuffle<Integer> OTHER_OF_PAIR_INT = shuffle(INTS, i -> i ^ 1);
  private static final VectorShuffle<Integer> OTHER_PAIR_INT = shuffle(INTS, i -> i ^ 2);
  private static final VectorShuffle<Integer> TWO_BEFORE = shuffle(INTS, i -> i - 2 & 15);
  private static final VectorShuffle<Integer> TO_LOWER = shuffle(INTS, i -> i + 8 & 15);
  private static final VectorShuffle<Integer> TO_UPPER = TO_LOWER;

  /** Excess and factors of the first pass, then of the second; the excess lies 8 lanes higher. */
  private static final VectorShuffle<Integer> ORDER =
      VectorShuffle.fromValues(INTS, 8, 0, 1, 2, 3, 12, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0);

  private static final VectorMask<Integer> SECOND = VectorMask.fromLong(INTS, 0xCCCC);
  private static final VectorMask<Integer> LOWER = VectorMask.fromLong(INTS, 0x00FF);
  private static final VectorMask<Integer> UPPER = VectorMask.fromLong(INTS, 0xFF00);
  private static final VectorMask<Byte> WRITTEN =
      VectorMask.fromLong(ByteVector.SPECIES_512, (1L << TILE_BYTES) - 1);

  private ByteActivations() {}

  private static <E> VectorShuffle<E> shuffle(VectorSpecies<E> species, IntUnaryOperator from) {
    return VectorShuffle.fromOp(species, from);
  }

  /** How many scales a row has. */
  static int groups(int columns) {
    return (columns + GROUP - 1) / GROUP;
  }

  /**
   * Rounds one row.
   *
   * @param x holds it
   * @param xOffset of its first value
   * @param columns how many, a multiple of 16
   * @param longest length of the codebook's longest pair
   * @param bytes receives 40 bytes per 16 columns
   * @param bytesOffset from here on
   * @param scales receives what an integer is worth, for each 256 columns
   * @param scalesOffset from here on
   */
  static void quantize(
      float[] x,
      int xOffset,
      int columns,
      double longest,
      byte[] bytes,
      int bytesOffset,
      float[] scales,
      int scalesOffset) {
    int from = 0;
    for (; VECTORS && from + GROUP <= columns; from += GROUP) {
      float perUnit =
          integersPerUnit(longestQuad(x, xOffset + from), x, xOffset + from, GROUP, longest);
      scales[scalesOffset + from / GROUP] = 1 / perUnit;
      round(x, xOffset + from, perUnit, bytes, bytesOffset + from / QtipCore.TILE * TILE_BYTES);
    }
    for (; from < columns; from += GROUP) {
      int count = Math.min(GROUP, columns - from);
      float perUnit =
          integersPerUnit(longestQuad(x, xOffset + from, count), x, xOffset + from, count, longest);
      scales[scalesOffset + from / GROUP] = 1 / perUnit;
      for (int column = 0; column < count; column += QtipCore.TILE) {
        int to = bytesOffset + (from + column) / QtipCore.TILE * TILE_BYTES;
        roundPass(x, xOffset + from + column, perUnit, bytes, to);
        roundPass(x, xOffset + from + column + 4, perUnit, bytes, to + PASS_BYTES);
      }
    }
  }

  /**
   * The largest factor with which no sum of two pairs of products can leave the range of a short;
   * NaN where an activation is not finite, so that all that comes of it is NaN too.
   */
  private static float integersPerUnit(
      float longestQuad, float[] x, int offset, int count, double longest) {
    // Outside these bounds squares do not fit a float.
    boolean fits = longestQuad > 1e-15f && longestQuad < 1e18f;
    double largest = fits ? longestQuad : longestQuadOfAnySize(x, offset, count);
    if (largest == 0) {
      return 1;
    }
    // Rounding lengthens a pair by at most √½, and the lengths themselves were rounded.
    double limit = (32767 / longest - 2 * 0.7072) * (1 - 1e-6);
    return largest <= Double.MAX_VALUE ? (float) Math.min(limit / largest, 1e36) : Float.NaN;
  }

  private static double longestQuadOfAnySize(float[] x, int offset, int count) {
    double largest = 0;
    for (int i = offset; i < offset + count; i += 4) {
      largest = Math.max(largest, Math.hypot(x[i], x[i + 1]) + Math.hypot(x[i + 2], x[i + 3]));
    }
    return largest;
  }

  /** The largest sum of the lengths of two neighbouring pairs; NaN if any value is. */
  private static float longestQuad(float[] x, int offset, int count) {
    float largest = 0;
    for (int i = offset; i < offset + count; i += 4) {
      largest = Math.max(largest, length(x[i], x[i + 1]) + length(x[i + 2], x[i + 3]));
    }
    return largest;
  }

  private static float length(float a, float b) {
    return (float) Math.sqrt(a * a + b * b);
  }

  /** The same for a whole group, to the last bit. */
  private static float longestQuad(float[] x, int offset) {
    FloatVector largest = FloatVector.zero(FLOATS);
    for (int i = offset; i < offset + GROUP; i += LANES) {
      FloatVector v = FloatVector.fromArray(FLOATS, x, i);
      FloatVector squares = v.mul(v);
      FloatVector lengths = squares.add(squares.rearrange(OTHER_OF_PAIR)).sqrt();
      largest = lengths.add(lengths.rearrange(OTHER_PAIR)).max(largest);
    }
    return largest.reduceLanes(VectorOperators.MAX);
  }

  private static void round(float[] x, int offset, float perUnit, byte[] bytes, int to) {
    for (int tile = 0; tile < GROUP_TILES; tile++) {
      IntVector q =
          FloatVector.fromArray(FLOATS, x, offset + tile * LANES)
              .mul(perUnit)
              .add(ROUND)
              .reinterpretAsInts()
              .sub(ROUND_BITS);
      IntVector twoSums = q.add(q.rearrange(OTHER_OF_PAIR_INT));
      IntVector excess = twoSums.add(twoSums.rearrange(OTHER_PAIR_INT)).mul(-128);
      IntVector factors = q.sub(q.rearrange(TWO_BEFORE).lanewise(VectorOperators.LSHL, 8), SECOND);
      halves(factors)
          .blend(halves(excess.add(32768, LOWER)).rearrange(TO_UPPER), UPPER)
          .rearrange(ORDER)
          .reinterpretAsBytes()
          .intoArray(bytes, to + tile * TILE_BYTES, WRITTEN);
    }
  }

  /** Lane i in the low half and lane i + 8 in the high half of lane i, for the first eight. */
  private static IntVector halves(IntVector v) {
    return v.and(0xFFFF).or(v.rearrange(TO_LOWER).lanewise(VectorOperators.LSHL, 16));
  }

  private static void roundPass(float[] x, int at, float perUnit, byte[] bytes, int to) {
    int a0 = round(x[at] * perUnit);
    int a1 = round(x[at + 1] * perUnit);
    int a2 = round(x[at + 2] * perUnit);
    int a3 = round(x[at + 3] * perUnit);
    int b0 = round(x[at + 8] * perUnit);
    int b1 = round(x[at + 9] * perUnit);
    int b2 = round(x[at + 10] * perUnit);
    int b3 = round(x[at + 11] * perUnit);
    INT.set(bytes, to, halves(32768 - 128 * (a0 + a1 + a2 + a3), -128 * (b0 + b1 + b2 + b3)));
    INT.set(bytes, to + 4, halves(a0, b0));
    INT.set(bytes, to + 8, halves(a1, b1));
    INT.set(bytes, to + 12, halves(a2 - 256 * a0, b2 - 256 * b0));
    INT.set(bytes, to + 16, halves(a3 - 256 * a1, b3 - 256 * b1));
  }

  /** To the nearest integer, for magnitudes below 2^22. */
  private static int round(float value) {
    return Float.floatToRawIntBits(value + ROUND) - ROUND_BITS;
  }

  private static int halves(int low, int high) {
    return low & 0xFFFF | high << 16;
  }

  /** The integer of one column of a row that {@link #quantize} wrote at {@code offset}. */
  static int column(byte[] bytes, int offset, int column) {
    int shift = (column & 8) * 2;
    int pass = offset + column / QtipCore.TILE * TILE_BYTES + (column >> 2 & 1) * PASS_BYTES;
    int first = (short) ((int) INT.get(bytes, pass + 4 + (column & 1) * 4) >> shift);
    if ((column & 2) == 0) {
      return first;
    }
    int second = (int) INT.get(bytes, pass + 12 + (column & 1) * 4) >> shift;
    return (short) (second + 256 * first);
  }
}
