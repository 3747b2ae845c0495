package org.espalier.codec.qtip;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.espalier.api.linear.LinearShape;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class BlockDecoderTest {
  private final Codebook codebook = Codebook.load();

  /** Every tile of a bank, decoded by the definition, in the order of the file. */
  private float[] reference(MemorySegment blocks, LinearShape shape) {
    int tiles = (int) Fixtures.tiles(shape);
    float[] values = new float[tiles * 256];
    for (int tile = 0; tile < tiles; tile++) {
      Trellis.decodeTile(blocks, tile * 68L, codebook, values, tile * 256);
    }
    return values;
  }

  @ParameterizedTest
  @CsvSource({"1, 16, 256", "1, 64, 16", "3, 32, 48", "2, 256, 256", "5, 16, 16"})
  void equalsTheDefinitionBitForBit(int experts, int outputs, int inputs) {
    LinearShape shape = new LinearShape(experts, outputs, inputs);
    MemorySegment blocks = Fixtures.randomBlocks(Fixtures.tiles(shape), shape.hashCode());
    float[] expected = reference(blocks, shape);
    BlockDecoder decoder = new BlockDecoder(shape, blocks, codebook);
    int columns = inputs / 16;
    float[] decoded = new float[expected.length];
    for (int row = 0; row < experts * outputs / 16; row++) {
      decoder.decode(
          row / (outputs / 16), row % (outputs / 16), 0, columns, decoded, row * columns * 256);
    }
    assertArrayEquals(bits(expected), bits(decoded));
  }

  @Test
  void runsMayBeCutAnywhere() {
    LinearShape shape = new LinearShape(2, 32, 512);
    MemorySegment blocks = Fixtures.randomBlocks(Fixtures.tiles(shape), 5);
    BlockDecoder decoder = new BlockDecoder(shape, blocks, codebook);
    float[] expected = reference(blocks, shape);
    Random random = new Random(6);
    for (int round = 0; round < 100; round++) {
      int expert = random.nextInt(2);
      int row = random.nextInt(2);
      int column = random.nextInt(32);
      int count = random.nextInt(33 - column);
      float[] target = new float[3 + count * 256 + 2];
      Arrays.fill(target, 42);
      decoder.decode(expert, row, column, count, target, 3);
      int from = ((expert * 2 + row) * 32 + column) * 256;
      assertArrayEquals(
          bits(Arrays.copyOfRange(expected, from, from + count * 256)),
          bits(Arrays.copyOfRange(target, 3, 3 + count * 256)));
      assertEquals(42, target[2]);
      assertEquals(42, target[3 + count * 256]);
    }
  }

  @Test
  void everyBlockHasItsOwnScale() {
    LinearShape shape = new LinearShape(1, 16, 64);
    byte[] codes = new byte[66];
    new Random(8).nextBytes(codes);
    float[] scales = {1, 0.5f, -2, 0};
    MemorySegment blocks = MemorySegment.ofArray(new byte[4 * 68]);
    for (int tile = 0; tile < 4; tile++) {
      byte[] block = Fixtures.block(Float.floatToFloat16(scales[tile]), codes);
      blocks.asSlice(tile * 68L, 68).copyFrom(MemorySegment.ofArray(block));
    }
    float[] decoded = new float[1024];
    new BlockDecoder(shape, blocks, codebook).decode(0, 0, 0, 4, decoded, 0);
    for (int i = 0; i < 256; i++) {
      assertTrue(decoded[i] != 0);
      assertEquals(decoded[i] * 0.5f, decoded[256 + i]);
      assertEquals(decoded[i] * -2, decoded[512 + i]);
      assertEquals(0, Math.abs(decoded[768 + i]));
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void aScaleThatIsNoNumberGivesWeightsThatAreNone(float scale) {
    MemorySegment block =
        MemorySegment.ofArray(Fixtures.block(Float.floatToFloat16(scale), new byte[66]));
    float[] decoded = new float[256];
    new BlockDecoder(new LinearShape(1, 16, 16), block, codebook).decode(0, 0, 0, 1, decoded, 0);
    for (float value : decoded) {
      assertTrue(!Float.isFinite(value));
    }
  }

  @Test
  void theLastFourBitsAreUnused() {
    byte[] codes = new byte[66];
    new Random(9).nextBytes(codes);
    byte[] other = codes.clone();
    other[65] ^= (byte) 0xF0;
    assertArrayEquals(decodeOne(codes), decodeOne(other));
    other[65] ^= 0x01;
    assertTrue(!Arrays.equals(decodeOne(codes), decodeOne(other)));
  }

  private float[] decodeOne(byte[] codes) {
    MemorySegment block = MemorySegment.ofArray(Fixtures.block(Float.floatToFloat16(1), codes));
    float[] decoded = new float[256];
    new BlockDecoder(new LinearShape(1, 16, 16), block, codebook).decode(0, 0, 0, 1, decoded, 0);
    return decoded;
  }

  @Test
  void readsNativeMemoryAtAnyAlignment() {
    LinearShape shape = new LinearShape(1, 16, 256);
    MemorySegment heap = Fixtures.randomBlocks(16, 10);
    float[] expected = reference(heap, shape);
    try (Arena arena = Arena.ofConfined()) {
      for (int shift = 0; shift < 4; shift++) {
        MemorySegment shifted =
            arena.allocate(heap.byteSize() + 8, 8).asSlice(shift, heap.byteSize());
        shifted.copyFrom(heap);
        float[] decoded = new float[expected.length];
        new BlockDecoder(shape, shifted, codebook).decode(0, 0, 0, 16, decoded, 0);
        assertArrayEquals(bits(expected), bits(decoded));
      }
    }
  }

  @Test
  void manyThreadsMayDecodeAtOnce() throws Exception {
    LinearShape shape = new LinearShape(4, 64, 256);
    MemorySegment blocks = Fixtures.randomBlocks(Fixtures.tiles(shape), 11);
    float[] expected = reference(blocks, shape);
    BlockDecoder decoder = new BlockDecoder(shape, blocks, codebook);
    List<Callable<int[]>> tasks =
        IntStream.range(0, 64)
            .<Callable<int[]>>mapToObj(task ->
                () -> {
                  float[] decoded = new float[expected.length];
                  for (int i = 0; i < 16; i++) {
                    int row = (i + task) % 16;
                    decoder.decode(row / 4, row % 4, 0, 16, decoded, row * 16 * 256);
                  }
                  return bits(decoded);
                })
            .toList();
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      for (Future<int[]> result : threads.invokeAll(tasks)) {
        assertArrayEquals(bits(expected), result.get());
      }
    }
  }

  @Test
  void whatLiesOutsideTheBankIsRefused() {
    LinearShape shape = new LinearShape(2, 32, 64);
    BlockDecoder decoder =
        new BlockDecoder(shape, Fixtures.randomBlocks(Fixtures.tiles(shape), 12), codebook);
    float[] target = new float[4 * 256];
    assertThrows(IndexOutOfBoundsException.class, () -> decoder.decode(2, 0, 0, 1, target, 0));
    assertThrows(IndexOutOfBoundsException.class, () -> decoder.decode(0, 2, 0, 1, target, 0));
    assertThrows(IndexOutOfBoundsException.class, () -> decoder.decode(0, 0, 1, 4, target, 0));
    assertThrows(IndexOutOfBoundsException.class, () -> decoder.decode(0, 0, 0, 4, target, 1));
    assertThrows(IndexOutOfBoundsException.class, () -> decoder.decode(-1, 0, 0, 1, target, 0));
  }

  /** Bits, with all NaNs made one. */
  private static int[] bits(float[] values) {
    return IntStream.range(0, values.length).map(i -> Float.floatToIntBits(values[i])).toArray();
  }
}
