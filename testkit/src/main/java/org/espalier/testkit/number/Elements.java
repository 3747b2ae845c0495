package org.espalier.testkit.number;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.espalier.api.tensor.ElementType;

/** Elements of little-endian segments, one at a time. */
public final class Elements {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort BITS16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Elements() {}

  /** The element at {@code index}, counted in elements. */
  public static float read(MemorySegment segment, ElementType type, long index) {
    long at = index * type.bytes();
    return switch (type) {
      case F32 -> segment.get(F32, at);
      case F16 -> Float.float16ToFloat(segment.get(BITS16, at));
      case BF16 -> fromBfloat16(segment.get(BITS16, at));
    };
  }

  /** Stores the nearest number that the type can hold. */
  public static void write(MemorySegment segment, ElementType type, long index, float value) {
    long at = index * type.bytes();
    switch (type) {
      case F32 -> segment.set(F32, at, value);
      case F16 -> segment.set(BITS16, at, Float.floatToFloat16(value));
      case BF16 -> segment.set(BITS16, at, toBfloat16(value));
    }
  }

  /** The nearest number that the type can hold. */
  public static float round(float value, ElementType type) {
    return switch (type) {
      case F32 -> value;
      case F16 -> Float.float16ToFloat(Float.floatToFloat16(value));
      case BF16 -> fromBfloat16(toBfloat16(value));
    };
  }

  private static float fromBfloat16(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /** Rounds to nearest, ties to even. */
  private static short toBfloat16(float value) {
    if (Float.isNaN(value)) {
      return 0x7fc0;
    }
    int bits = Float.floatToRawIntBits(value);
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }
}
