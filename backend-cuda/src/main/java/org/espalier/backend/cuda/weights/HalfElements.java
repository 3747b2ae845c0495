package org.espalier.backend.cuda.weights;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.espalier.backend.cuda.kernel.Storage;

/** Rounding to 16 bits. */
final class HalfElements {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final ValueLayout.OfInt BITS =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final float LARGEST_HALF = 65_504;

  private HalfElements() {}

  /**
   * The 16-bit type that loses least: BF16 if it loses nothing, since many models were trained in
   * it; else F16, unless a value is too large for that.
   */
  static Storage best(MemorySegment floats) {
    long count = floats.byteSize() / Float.BYTES;
    boolean isBrain = true;
    boolean isHalf = true;
    for (long i = 0; i < count && (isBrain || isHalf); i++) {
      int bits = floats.get(BITS, i * Float.BYTES);
      isBrain &= (bits & 0xffff) == 0;
      isHalf &= Math.abs(Float.intBitsToFloat(bits)) <= LARGEST_HALF;
    }
    return isBrain || !isHalf ? Storage.DENSE_BF16 : Storage.DENSE_F16;
  }

  /** Rounds all values, to the nearest and of two to the even one. */
  static void round(float[] values, Storage storage, MemorySegment target) {
    short[] rounded = new short[values.length];
    switch (storage) {
      case DENSE_F16 -> {
        for (int i = 0; i < values.length; i++) {
          rounded[i] = Float.floatToFloat16(values[i]);
        }
      }
      case DENSE_BF16 -> {
        for (int i = 0; i < values.length; i++) {
          rounded[i] = toBrain(values[i]);
        }
      }
      default -> throw new IllegalArgumentException(storage + " does not have 16 bits");
    }
    MemorySegment.copy(rounded, 0, target, SHORT, 0, rounded.length);
  }

  static short toBrain(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) (bits >>> 16 | 0x40);
    }
    return (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
  }
}
