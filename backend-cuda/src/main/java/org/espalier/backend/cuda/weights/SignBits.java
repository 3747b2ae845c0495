package org.espalier.backend.cuda.weights;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Signs as bits: a 32nd of their size in a file. */
final class SignBits {
  private static final ValueLayout.OfInt BITS =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int ONE = Float.floatToRawIntBits(1f);

  private SignBits() {}

  /** Whether all are 1 or −1. */
  static boolean areSigns(MemorySegment floats) {
    long count = floats.byteSize() / Float.BYTES;
    for (long i = 0; i < count; i++) {
      if ((floats.get(BITS, i * Float.BYTES) & Integer.MAX_VALUE) != ONE) {
        return false;
      }
    }
    return true;
  }

  /** Words that a row of signs takes. */
  static int words(int width) {
    return (width + 31) / 32;
  }

  /** Row after row, bit i % 32 of word i / 32 set for −1. */
  static byte[] pack(MemorySegment floats, int width) {
    int rows = Math.toIntExact(floats.byteSize() / Float.BYTES / width);
    ByteBuffer packed =
        ByteBuffer.allocate(rows * words(width) * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int row = 0; row < rows; row++) {
      for (int word = 0; word < words(width); word++) {
        int bits = 0;
        for (int i = word * 32; i < Math.min(width, word * 32 + 32); i++) {
          long at = ((long) row * width + i) * Float.BYTES;
          bits |= floats.get(BITS, at) >>> 31 << i % 32;
        }
        packed.putInt(bits);
      }
    }
    return packed.array();
  }
}
