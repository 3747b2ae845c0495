package org.espalier.backend.cpu.numeric;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.espalier.api.tensor.ElementType;

/** Reads stored numbers as floats. */
public final class Elements {
  /** Little-endian, at any address. */
  public static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Little-endian, at any address. */
  public static final ValueLayout.OfShort U16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Elements() {}

  /**
   * Converts a run of elements, exactly.
   *
   * @param first index of the first element
   */
  public static void read(
      ElementType type, MemorySegment source, long first, int count, float[] target, int offset) {
    switch (type) {
      case F32 -> MemorySegment.copy(source, F32, first * Float.BYTES, target, offset, count);
      case F16 -> {
        for (int i = 0; i < count; i++) {
          target[offset + i] = Float.float16ToFloat(source.get(U16, (first + i) * Short.BYTES));
        }
      }
      case BF16 -> {
        for (int i = 0; i < count; i++) {
          target[offset + i] =
              Float.intBitsToFloat(source.get(U16, (first + i) * Short.BYTES) << 16);
        }
      }
    }
  }
}
