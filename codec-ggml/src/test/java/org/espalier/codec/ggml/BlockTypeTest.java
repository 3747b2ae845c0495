package org.espalier.codec.ggml;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BlockTypeTest {

  /** Blocks and what the Python package gguf 0.19 makes of them. */
  @ParameterizedTest
  @EnumSource(BlockType.class)
  void decodesAsGgufsOwnPackageDoes(BlockType type) throws IOException {
    ByteBuffer fixture;
    try (InputStream in = getClass().getResourceAsStream(type + ".bin")) {
      fixture = ByteBuffer.wrap(in.readAllBytes()).order(ByteOrder.LITTLE_ENDIAN);
    }
    int count = fixture.remaining() / (type.bytes() + type.size() * Float.BYTES);
    assertTrue(count >= 4);
    byte[] blocks = new byte[count * type.bytes()];
    fixture.get(blocks);
    float[] expected = new float[count * type.size()];
    fixture.asFloatBuffer().get(expected);
    for (int block = 0; block < count; block++) {
      byte[] bytes = Arrays.copyOfRange(blocks, block * type.bytes(), (block + 1) * type.bytes());
      assertArrayEquals(
          Arrays.copyOfRange(expected, block * type.size(), (block + 1) * type.size()),
          Fixtures.decode(type, bytes),
          "block " + block);
    }
  }

  @ParameterizedTest
  @EnumSource(BlockType.class)
  void decodesAsTheDefinitionSays(BlockType type) {
    Random random = new Random(type.code());
    for (int round = 0; round < 200; round++) {
      byte[] block = Fixtures.blocks(type, 1, random);
      float[] decoded = Fixtures.decode(type, block);
      for (int i = 0; i < type.size(); i++) {
        float expected = ReferenceBlocks.value(type, block, i);
        assertEquals(expected, decoded[i], "value " + i + " of round " + round);
      }
    }
  }

  /** A block of zeros with the given halves set to 1. */
  private static byte[] zeros(BlockType type, float... halves) {
    byte[] block = new byte[type.bytes()];
    int[] places = Fixtures.HALVES.get(type);
    for (int i = 0; i < halves.length; i++) {
      Fixtures.putHalf(block, places[i], halves[i]);
    }
    return block;
  }

  private static float[] constant(int size, float value) {
    float[] values = new float[size];
    Arrays.fill(values, value);
    return values;
  }

  @Test
  void fourBitsWithoutCodesAreTheLowestLevel() {
    assertArrayEquals(constant(32, -16), Fixtures.decode(BlockType.Q4_0, zeros(BlockType.Q4_0, 2)));
    assertArrayEquals(
        constant(32, -3), Fixtures.decode(BlockType.Q4_1, zeros(BlockType.Q4_1, 2, -3)));
    assertArrayEquals(constant(32, -32), Fixtures.decode(BlockType.Q5_0, zeros(BlockType.Q5_0, 2)));
    assertArrayEquals(
        constant(32, 0.5f), Fixtures.decode(BlockType.Q5_1, zeros(BlockType.Q5_1, 2, 0.5f)));
    assertArrayEquals(
        constant(32, -127), Fixtures.decode(BlockType.IQ4_NL, zeros(BlockType.IQ4_NL, 1)));
  }

  @Test
  void theLowHalvesComeFirst() {
    byte[] block = zeros(BlockType.Q4_0, 1);
    block[2] = (byte) 0xF9; // value 0 has code 9, value 16 code 15
    block[17] = 0x0A; // value 15 has code 10
    float[] expected = constant(32, -8);
    expected[0] = 1;
    expected[16] = 7;
    expected[15] = 2;
    assertArrayEquals(expected, Fixtures.decode(BlockType.Q4_0, block));
  }

  @Test
  void fifthBitsAreInOrderOfValues() {
    byte[] block = zeros(BlockType.Q5_0, 1);
    block[2] = 0b10; // value 1
    block[5] = (byte) 0x80; // value 31
    float[] expected = constant(32, -16);
    expected[1] = 0;
    expected[31] = 0;
    assertArrayEquals(expected, Fixtures.decode(BlockType.Q5_0, block));
  }

  @Test
  void eightBitsAreSigned() {
    byte[] block = zeros(BlockType.Q8_0, 0.5f);
    block[2] = -128;
    block[33] = 127;
    float[] expected = constant(32, 0);
    expected[0] = -64;
    expected[31] = 63.5f;
    assertArrayEquals(expected, Fixtures.decode(BlockType.Q8_0, block));
  }

  @Test
  void sixBitScalesOfTheUpperGroupsAreSplit() {
    byte[] block = zeros(BlockType.Q4_K, 1, 1);
    block[4] = (byte) 0b11_000001; // scale 0 is 1; the upper bits of scale 4 are 3
    block[8] = (byte) 0b10_000000; // the upper bits of minimum 4 are 2
    block[12] = 0x5_2; // the lower bits: scale 4 is 2 + 48, minimum 4 is 5 + 32
    block[16] = 0x03; // value 0 has code 3
    block[16 + 64] = 0x01; // value 128, the first of group 4, has code 1
    float[] expected = constant(256, 0);
    expected[0] = 3;
    Arrays.fill(expected, 128, 160, -37);
    expected[128] = 50 - 37;
    assertArrayEquals(expected, Fixtures.decode(BlockType.Q4_K, block));
  }

  @Test
  void threeBitsWithoutTheThirdAreNegative() {
    byte[] block = zeros(BlockType.Q3_K, 1);
    block[104] = 0b10; // upper bits of scale 0: 32, which stands for 0; all others for −32
    float[] decoded = Fixtures.decode(BlockType.Q3_K, block);
    assertEquals(0, Math.abs(decoded[0]));
    assertEquals(-32 * -4, decoded[16]);
    block[16] = 1; // the third bit of value 16
    assertEquals(0, Math.abs(Fixtures.decode(BlockType.Q3_K, block)[16]));
  }

  @Test
  void sixBitCodesAreCentred() {
    byte[] block = zeros(BlockType.Q6_K, 2);
    Arrays.fill(block, 192, 208, (byte) -1);
    float[] expected = constant(256, 64);
    block[128] = 0b10; // value 0 is 32 above the lowest: 0
    expected[0] = -0.0f;
    block[64 + 63] = (byte) 0xF0; // value 255: the high half of the last low byte, 15 − 32
    expected[255] = 34;
    assertArrayEquals(expected, Fixtures.decode(BlockType.Q6_K, block));
  }

  @Test
  void codesAndSizesAreThoseOfGgml() {
    assertEquals(BlockType.Q4_K, BlockType.of(12).orElseThrow());
    assertTrue(BlockType.of(41).isEmpty());
    assertTrue(BlockType.of(0).isEmpty());
    assertEquals(
        BlockType.values().length,
        Arrays.stream(BlockType.values()).map(BlockType::code).distinct().count());
    assertEquals(4.5, 8.0 * BlockType.Q4_K.bytes() / BlockType.Q4_K.size());
    assertEquals(6.5625, 8.0 * BlockType.Q6_K.bytes() / BlockType.Q6_K.size());
  }
}
