package org.espalier.runtime.conversion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.tensor.ElementType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

final class ElementConverterTest {
  /** More than one piece, and not a whole number of them. */
  private static final int LONG = 600_001;

  private final ElementConverter converter = new ElementConverter();

  private byte[] convert(byte[] source, ElementType from, ElementType to) {
    ByteArrayOutputStream target = new ByteArrayOutputStream();
    try {
      converter.convert(
          MemorySegment.ofArray(source).asReadOnly(),
          from,
          to,
          bytes -> target.writeBytes(bytes.toArray(ValueLayout.JAVA_BYTE)),
          (index, value) -> new MalformedModel(value + " at " + index));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return target.toByteArray();
  }

  private static byte[] floats(float... values) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      bytes.putFloat(value);
    }
    return bytes.array();
  }

  /** Every number of 16 bits that is finite. */
  private static byte[] all(ElementType type) {
    ByteBuffer bytes = ByteBuffer.allocate(2 << 16).order(ByteOrder.LITTLE_ENDIAN);
    for (int bits = 0; bits < 1 << 16; bits++) {
      if (Float.isFinite(value(type, (short) bits))) {
        bytes.putShort((short) bits);
      }
    }
    byte[] used = new byte[bytes.position()];
    bytes.get(0, used);
    return used;
  }

  private static float value(ElementType type, short bits) {
    return switch (type) {
      case F16 -> Float.float16ToFloat(bits);
      case BF16 -> Float.intBitsToFloat(bits << 16);
      case F32 -> throw new IllegalArgumentException();
    };
  }

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void everyNumberIsTheSameInF32AndBack(ElementType type) {
    byte[] source = all(type);
    byte[] wide = convert(source, type, ElementType.F32);
    assertEquals(2 * source.length, wide.length);
    ByteBuffer shorts = ByteBuffer.wrap(source).order(ByteOrder.LITTLE_ENDIAN);
    ByteBuffer floats = ByteBuffer.wrap(wide).order(ByteOrder.LITTLE_ENDIAN);
    while (shorts.hasRemaining()) {
      assertEquals(value(type, shorts.getShort()), floats.getFloat());
    }
    assertEquals(ByteBuffer.wrap(source), ByteBuffer.wrap(convert(wide, ElementType.F32, type)));
    assertEquals(ByteBuffer.wrap(source), ByteBuffer.wrap(convert(source, type, type)));
    assertEquals(0, converter.rounded());
    assertEquals(0, converter.largestError());
  }

  /** The nearest by looking at all of them; of two as near, the one whose last bit is 0. */
  private static short nearest(TreeMap<Float, Short> numbers, float value) {
    Map.Entry<Float, Short> below = numbers.floorEntry(value);
    Map.Entry<Float, Short> above = numbers.ceilingEntry(value);
    if (below == null || above == null || below.equals(above)) {
      return (below == null ? above : below).getValue();
    }
    BigDecimal exact = new BigDecimal(value);
    int order =
        exact
            .subtract(new BigDecimal(below.getKey()))
            .compareTo(new BigDecimal(above.getKey()).subtract(exact));
    boolean down = order < 0 || order == 0 && (below.getValue() & 1) == 0;
    return (down ? below : above).getValue();
  }

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void othersBecomeTheNearest(ElementType type) {
    TreeMap<Float, Short> numbers = new TreeMap<>();
    ByteBuffer all = ByteBuffer.wrap(all(type)).order(ByteOrder.LITTLE_ENDIAN);
    while (all.hasRemaining()) {
      short bits = all.getShort();
      numbers.put(value(type, bits), bits);
    }
    Random random = new Random(6);
    float[] values = new float[50_000];
    for (int i = 0; i < values.length; i++) {
      float scale = (float) Math.pow(2, random.nextInt(-30, 15));
      values[i] = (float) random.nextGaussian() * scale;
      if (i % 3 == 0) {
        // Exactly between two numbers.
        float low = numbers.floorKey(values[i]);
        values[i] = (low + numbers.higherKey(low)) / 2;
      }
    }
    byte[] target = convert(floats(values), ElementType.F32, type);
    ByteBuffer shorts = ByteBuffer.wrap(target).order(ByteOrder.LITTLE_ENDIAN);
    long rounded = 0;
    double largest = 0;
    for (float value : values) {
      short expected = nearest(numbers, value);
      assertEquals(value(type, expected), value(type, shorts.getShort()), () -> "of " + value);
      rounded += value(type, expected) == value ? 0 : 1;
      largest = Math.max(largest, Math.abs((double) value(type, expected) - value));
    }
    assertTrue(rounded > 40_000);
    assertEquals(rounded, converter.rounded());
    assertEquals(largest, converter.largestError());
  }

  @Test
  void longTensorsGoPieceByPiece() {
    float[] values = new float[LONG];
    for (int i = 0; i < LONG; i++) {
      values[i] = i % 251;
    }
    byte[] target = convert(floats(values), ElementType.F32, ElementType.BF16);
    assertEquals(2 * LONG, target.length);
    ByteBuffer shorts = ByteBuffer.wrap(target).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < LONG; i++) {
      assertEquals(i % 251, value(ElementType.BF16, shorts.getShort()));
    }
  }

  @ParameterizedTest
  @CsvSource({"F32", "F16", "BF16"})
  void numbersThatAreNoneAreRefusedWithTheirPlace(ElementType to) {
    float[] values = new float[LONG];
    for (float bad :
        new float[] {
          Float.NaN,
          Float.intBitsToFloat(0x7fffffff),
          Float.intBitsToFloat(0xffffffff),
          Float.POSITIVE_INFINITY,
          Float.NEGATIVE_INFINITY
        }) {
      values[LONG - 2] = bad;
      MalformedModel failure =
          assertThrows(MalformedModel.class, () -> convert(floats(values), ElementType.F32, to));
      assertEquals(bad + " at 599999", failure.getMessage());
    }
  }

  @Test
  void numbersThatBecomeNoneAreRefused() {
    byte[] source = floats(65504, 65519.9f, -65520);
    MalformedModel failure =
        assertThrows(MalformedModel.class, () -> convert(source, ElementType.F32, ElementType.F16));
    assertEquals("-65520.0 at 2", failure.getMessage());
    byte[] large = floats(1, Float.MAX_VALUE);
    assertThrows(MalformedModel.class, () -> convert(large, ElementType.F32, ElementType.BF16));
  }

  @Test
  void exactTypes() {
    assertTrue(ElementConverter.isExact(ElementType.BF16, ElementType.F32));
    assertTrue(ElementConverter.isExact(ElementType.F16, ElementType.F16));
    assertEquals(false, ElementConverter.isExact(ElementType.F16, ElementType.BF16));
    assertEquals(false, ElementConverter.isExact(ElementType.BF16, ElementType.F16));
    assertEquals(false, ElementConverter.isExact(ElementType.F32, ElementType.F16));
  }
}
