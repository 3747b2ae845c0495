package org.espalier.runtime.conversion;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.espalier.api.format.ModelWriter.Sink;
import org.espalier.api.tensor.ElementType;

/**
 * Turns numbers of one type into numbers of another, piece by piece, each to the nearest (ties to
 * even), and counts those that changed. Not for several threads at once.
 */
final class ElementConverter {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort BITS16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int PIECE = 1 << 18;

  private final float[] values = new float[PIECE];
  private final MemorySegment target = MemorySegment.ofArray(new byte[PIECE * Float.BYTES]);
  private long rounded;
  private double largestError;

  /** Says that a number cannot be converted. */
  @FunctionalInterface
  interface Refusal {
    /** The exception for the number at an index of the segment. */
    RuntimeException of(long index, float value);
  }

  /** Whether every number of a type is one of another, too. */
  static boolean isExact(ElementType from, ElementType to) {
    return from == to || to == ElementType.F32;
  }

  /** Numbers that changed so far. */
  long rounded() {
    return rounded;
  }

  /** The largest change so far. */
  double largestError() {
    return largestError;
  }

  /**
   * Converts all numbers of a segment.
   *
   * @param refusal makes the exception for a number that is not finite, or would not be
   */
  void convert(MemorySegment source, ElementType from, ElementType to, Sink sink, Refusal refusal)
      throws IOException {
    long count = source.byteSize() / from.bytes();
    for (long first = 0; first < count; first += PIECE) {
      int size = (int) Math.min(PIECE, count - first);
      read(source, from, first, size);
      if (from == to) {
        requireFinite(first, size, refusal);
        sink.append(source.asSlice(first * from.bytes(), (long) size * from.bytes()));
      } else {
        write(to, first, size, refusal);
        sink.append(target.asSlice(0, (long) size * to.bytes()));
      }
    }
  }

  private void read(MemorySegment source, ElementType from, long first, int size) {
    long at = first * from.bytes();
    switch (from) {
      case F32 -> MemorySegment.copy(source, F32, at, values, 0, size);
      case F16 -> {
        for (int i = 0; i < size; i++) {
          values[i] = Float.float16ToFloat(source.get(BITS16, at + (long) i * Short.BYTES));
        }
      }
      case BF16 -> {
        for (int i = 0; i < size; i++) {
          values[i] = fromBfloat16(source.get(BITS16, at + (long) i * Short.BYTES));
        }
      }
    }
  }

  private void requireFinite(long first, int size, Refusal refusal) {
    for (int i = 0; i < size; i++) {
      if (!Float.isFinite(values[i])) {
        throw refusal.of(first + i, values[i]);
      }
    }
  }

  private void write(ElementType to, long first, int size, Refusal refusal) {
    for (int i = 0; i < size; i++) {
      float value = values[i];
      float stored = store(to, i, value);
      if (!Float.isFinite(value) || !Float.isFinite(stored)) {
        throw refusal.of(first + i, value);
      }
      if (stored != value) {
        rounded++;
        largestError = Math.max(largestError, Math.abs((double) stored - value));
      }
    }
  }

  /** Writes a number and gives back what reading it would give. */
  private float store(ElementType to, int index, float value) {
    return switch (to) {
      case F32 -> {
        target.setAtIndex(F32, index, value);
        yield value;
      }
      case F16 -> {
        short bits = Float.floatToFloat16(value);
        target.setAtIndex(BITS16, index, bits);
        yield Float.float16ToFloat(bits);
      }
      case BF16 -> {
        short bits = toBfloat16(value);
        target.setAtIndex(BITS16, index, bits);
        yield fromBfloat16(bits);
      }
    };
  }

  private static float fromBfloat16(short bits) {
    return Float.intBitsToFloat(bits << Short.SIZE);
  }

  /** Of any number but NaN, whose bits may carry over into the sign. */
  private static short toBfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    return (short) (bits + 0x7fff + (bits >>> Short.SIZE & 1) >>> Short.SIZE);
  }
}
