package org.espalier.runtime.quantisation.pipeline;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;

/**
 * Stores rows of a matrix that is not quantised by a codec.
 *
 * @param element how; rounding is to the nearest, ties to even
 * @param columns of a row
 */
record RowEncoder(EmbeddingType element, int columns) {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort BITS16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int BLOCK = 32;
  private static final int BLOCK_BYTES = Short.BYTES + BLOCK;

  /**
   * An encoder.
   *
   * @throws InvalidRequest when rows of that length cannot be stored so
   */
  static RowEncoder of(EmbeddingType element, int columns) {
    if (element == EmbeddingType.Q8_0 && columns % BLOCK != 0) {
      throw new InvalidRequest(
          "Q8_0 stores blocks of %d values, which rows of %d are not: choose another type"
              .formatted(BLOCK, columns));
    }
    return new RowEncoder(element, columns);
  }

  StorageType type() {
    return switch (element) {
      case F32 -> new StorageType.Plain(ElementType.F32);
      case F16 -> new StorageType.Plain(ElementType.F16);
      case BF16 -> new StorageType.Plain(ElementType.BF16);
      case Q8_0 -> new StorageType.Block("ggml", 8, "Q8_0");
    };
  }

  int rowBytes() {
    return switch (element) {
      case F32 -> columns * Float.BYTES;
      case F16, BF16 -> columns * Short.BYTES;
      case Q8_0 -> columns / BLOCK * BLOCK_BYTES;
    };
  }

  void encode(float[] values, MemorySegment target) {
    switch (element) {
      case F32 -> MemorySegment.copy(values, 0, target, F32, 0, columns);
      case F16 -> {
        for (int i = 0; i < columns; i++) {
          short bits = Float.floatToFloat16(values[i]);
          if (Float.isInfinite(Float.float16ToFloat(bits))) {
            throw new Unsupported(
                "a weight of %s is too large for F16: choose another type for the embeddings"
                    .formatted(values[i]));
          }
          target.set(BITS16, (long) i * Short.BYTES, bits);
        }
      }
      case BF16 -> {
        for (int i = 0; i < columns; i++) {
          int bits = Float.floatToRawIntBits(values[i]);
          int rounded = bits + 0x7fff + (bits >>> Short.SIZE & 1) >>> Short.SIZE;
          target.set(BITS16, (long) i * Short.BYTES, (short) rounded);
        }
      }
      case Q8_0 -> {
        for (int block = 0; block < columns / BLOCK; block++) {
          block(values, block * BLOCK, target, (long) block * BLOCK_BYTES);
        }
      }
    }
  }

  private static void block(float[] values, int from, MemorySegment target, long at) {
    float largest = 0;
    for (int i = 0; i < BLOCK; i++) {
      largest = Math.max(largest, Math.abs(values[from + i]));
    }
    float scale = largest / Byte.MAX_VALUE;
    target.set(BITS16, at, Float.floatToFloat16(scale));
    for (int i = 0; i < BLOCK; i++) {
      int code = scale == 0 ? 0 : Math.round(values[from + i] / scale);
      target.set(ValueLayout.JAVA_BYTE, at + Short.BYTES + i, (byte) code);
    }
  }
}
