package org.espalier.runtime.quantisation.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Random;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RowEncoderTest {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort BITS16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static MemorySegment encoded(EmbeddingType type, float... values) {
    RowEncoder encoder = RowEncoder.of(type, values.length);
    MemorySegment row = MemorySegment.ofArray(new byte[encoder.rowBytes()]);
    encoder.encode(values, row);
    return row;
  }

  private static float brain(MemorySegment row, int index) {
    return Float.intBitsToFloat(row.get(BITS16, 2L * index) << Short.SIZE);
  }

  /** 1 + 2⁻⁸ lies in the middle between two BF16; the even one is 1. */
  @ParameterizedTest
  @CsvSource({
    "1, 1",
    "-0.0, -0.0",
    "1.00390625, 1",
    "1.01171875, 1.015625",
    "1.00390637, 1.0078125",
    "-3.0000001e38, -3.0040553e38",
    "Infinity, Infinity"
  })
  void brainFloatsAreTheNearest(float value, float expected) {
    assertEquals(expected, brain(encoded(EmbeddingType.BF16, value), 0), Math.abs(expected) / 300);
    if (Math.abs(value) < 2) {
      assertEquals(expected, brain(encoded(EmbeddingType.BF16, value), 0));
    }
  }

  @Test
  void brainFloatsAndHalvesThatFitComeBackExactly() {
    Random random = new Random(2);
    for (int i = 0; i < 1000; i++) {
      float brain =
          Float.intBitsToFloat(Float.floatToIntBits((float) random.nextGaussian()) & -65536);
      float half = Float.float16ToFloat(Float.floatToFloat16((float) random.nextGaussian()));
      assertEquals(brain, brain(encoded(EmbeddingType.BF16, brain), 0));
      assertEquals(half, Float.float16ToFloat(encoded(EmbeddingType.F16, half).get(BITS16, 0)));
      assertEquals(brain, encoded(EmbeddingType.F32, 7, brain).get(F32, 4));
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {65520, -1e9f})
  void whatAHalfCannotHoldIsRefused(float value) {
    assertThrows(Unsupported.class, () -> encoded(EmbeddingType.F16, value));
    assertEquals(65504, Float.float16ToFloat(encoded(EmbeddingType.F16, 65519).get(BITS16, 0)));
  }

  @Test
  void blocksOfEightBits() {
    Random random = new Random(3);
    float[] values = new float[96];
    for (int i = 0; i < 64; i++) {
      values[i] = (float) random.nextGaussian() * (i < 32 ? 1 : 1000);
    }
    MemorySegment row = encoded(EmbeddingType.Q8_0, values);
    assertEquals(3 * 34, row.byteSize());
    for (int i = 0; i < values.length; i++) {
      int block = i / 32;
      float scale = Float.float16ToFloat(row.get(BITS16, 34L * block));
      float value = scale * row.get(ValueLayout.JAVA_BYTE, 34L * block + 2 + i % 32);
      // Half a step, and what the scale lost as a half.
      assertEquals(values[i], value, scale * 0.5 + scale * 127 / 2048.0);
      assertTrue(i < 64 || value == 0, "a block of zeros");
    }
  }

  @Test
  void blocksThatDoNotFillARowAreRefused() {
    assertThrows(InvalidRequest.class, () -> RowEncoder.of(EmbeddingType.Q8_0, 48));
  }
}
