package org.espalier.backend.cpu.numeric;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import org.espalier.api.tensor.ElementType;

/** Reads stored numbers as floats. */
public final class Elements {
  /** Little-endian, at any address. */
  public static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Little-endian, at any address. */
  public static final ValueLayout.OfShort U16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final VectorSpecies<Integer> WORDS =
      VectorSpecies.of(int.class, Lanes.SPECIES.vectorShape());

  /** As many lanes as {@link #WORDS} in half the bits. */
  private static final VectorSpecies<Short> HALF_WORDS =
      VectorSpecies.of(
          short.class, VectorShape.forBitSize(Math.max(64, Lanes.SPECIES.vectorBitSize() / 2)));

  private Elements() {}

  /** The BF16 bits nearest to a float, ties to even; NaN stays NaN. */
  public static short toBrain(float value) {
    int bits = Float.floatToRawIntBits(value);
    int rounded = bits + 0x7FFF + (bits >>> 16 & 1);
    return (short) ((Float.isNaN(value) ? bits | 0x400000 : rounded) >>> 16);
  }

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
        int i = 0;
        // Without AVX, widening is no instruction but a call that takes and gives objects.
        for (; Fused.isAvailable() && i + Lanes.COUNT <= count; i += Lanes.COUNT) {
          ShortVector.fromMemorySegment(
                  HALF_WORDS, source, (first + i) * Short.BYTES, ByteOrder.LITTLE_ENDIAN)
              .convertShape(VectorOperators.ZERO_EXTEND_S2I, WORDS, 0)
              .reinterpretAsInts()
              .lanewise(VectorOperators.LSHL, 16)
              .reinterpretAsFloats()
              .intoArray(target, offset + i);
        }
        for (; i < count; i++) {
          target[offset + i] =
              Float.intBitsToFloat(source.get(U16, (first + i) * Short.BYTES) << 16);
        }
        MappedMemory.touch(source, first * Short.BYTES);
      }
    }
  }
}
