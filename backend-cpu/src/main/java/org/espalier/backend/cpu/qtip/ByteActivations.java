package org.espalier.backend.cpu.qtip;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

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

  private ByteActivations() {}

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
    for (int from = 0; from < columns; from += GROUP) {
      int count = Math.min(GROUP, columns - from);
      double perUnit = integersPerUnit(x, xOffset + from, count, longest);
      scales[scalesOffset + from / GROUP] = (float) (1 / perUnit);
      for (int column = 0; column < count; column += QtipCore.TILE) {
        int to = bytesOffset + (from + column) / QtipCore.TILE * TILE_BYTES;
        quantizePass(x, xOffset + from + column, perUnit, bytes, to);
        quantizePass(x, xOffset + from + column + 4, perUnit, bytes, to + PASS_BYTES);
      }
    }
  }

  /**
   * The largest factor with which no sum of two pairs of products can leave the range of a short;
   * NaN where an activation is not finite, so that all that comes of it is NaN too.
   */
  private static double integersPerUnit(float[] x, int offset, int count, double longest) {
    double largest = 0;
    for (int i = offset; i < offset + count; i += 4) {
      largest = Math.max(largest, length(x[i], x[i + 1]) + length(x[i + 2], x[i + 3]));
    }
    if (largest == 0) {
      return 1;
    }
    // Rounding lengthens a pair by at most √½.
    double limit = 32767 / longest - 2 * 0.7072;
    return largest <= Double.MAX_VALUE ? limit / largest : Double.NaN;
  }

  private static double length(double a, double b) {
    return Math.sqrt(a * a + b * b);
  }

  private static void quantizePass(float[] x, int at, double perUnit, byte[] bytes, int to) {
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

  /** To the nearest integer, for magnitudes below 2^31. */
  private static int round(double value) {
    return (int) Double.doubleToRawLongBits(value + 0x1.8p52);
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
