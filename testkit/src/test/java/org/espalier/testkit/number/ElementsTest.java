package org.espalier.testkit.number;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.espalier.api.tensor.ElementType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class ElementsTest {
  @ParameterizedTest
  @EnumSource
  void writesWhatItReads(ElementType type) {
    MemorySegment segment = MemorySegment.ofArray(new byte[3 * type.bytes()]);
    Elements.write(segment, type, 2, -0.1f);
    assertEquals(Elements.round(-0.1f, type), Elements.read(segment, type, 2));
    assertEquals(-0.1f, Elements.read(segment, type, 2), 1e-3);
    assertEquals(0, Elements.read(segment, type, 1));
  }

  @ParameterizedTest
  @CsvSource({
    "0x1.00p0,    0x1.00p0",
    "0x1.01p0,    0x1.00p0", // half way: to the even neighbour below
    "0x1.03p0,    0x1.04p0", // half way: to the even neighbour above
    "0x1.0101p0,  0x1.02p0",
    "-0x1.fffp3,  -0x1.0p4",
    "Infinity,    Infinity",
    "NaN,         NaN"
  })
  void bfloat16RoundsToNearestEven(float value, float expected) {
    assertEquals(expected, Elements.round(value, ElementType.BF16));
  }

  @Test
  void bytesAreLittleEndian() {
    MemorySegment segment = MemorySegment.ofArray(new byte[2]);
    Elements.write(segment, ElementType.BF16, 0, 1); // 0x3f80
    assertEquals((byte) 0x80, segment.get(ValueLayout.JAVA_BYTE, 0));
    assertEquals((byte) 0x3f, segment.get(ValueLayout.JAVA_BYTE, 1));
  }
}
