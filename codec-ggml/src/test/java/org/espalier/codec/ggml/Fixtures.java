package org.espalier.codec.ggml;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;

/** Blocks and tensors for tests. */
final class Fixtures {
  /** Where the halves of a block stand. */
  static final Map<BlockType, int[]> HALVES =
      Map.ofEntries(
          Map.entry(BlockType.Q4_0, new int[] {0}),
          Map.entry(BlockType.Q4_1, new int[] {0, 2}),
          Map.entry(BlockType.Q5_0, new int[] {0}),
          Map.entry(BlockType.Q5_1, new int[] {0, 2}),
          Map.entry(BlockType.Q8_0, new int[] {0}),
          Map.entry(BlockType.Q2_K, new int[] {80, 82}),
          Map.entry(BlockType.Q3_K, new int[] {108}),
          Map.entry(BlockType.Q4_K, new int[] {0, 2}),
          Map.entry(BlockType.Q5_K, new int[] {0, 2}),
          Map.entry(BlockType.Q6_K, new int[] {208}),
          Map.entry(BlockType.IQ4_NL, new int[] {0}),
          Map.entry(BlockType.IQ4_XS, new int[] {0}));

  private Fixtures() {}

  /** Random blocks with finite scales: any other bytes mean something. */
  static byte[] blocks(BlockType type, int count, Random random) {
    byte[] bytes = new byte[count * type.bytes()];
    random.nextBytes(bytes);
    for (int block = 0; block < count; block++) {
      for (int place : HALVES.get(type)) {
        putHalf(bytes, block * type.bytes() + place, (float) random.nextGaussian());
      }
    }
    return bytes;
  }

  static void putHalf(byte[] bytes, int at, float value) {
    short half = Float.floatToFloat16(value);
    bytes[at] = (byte) half;
    bytes[at + 1] = (byte) (half >> 8);
  }

  static float[] decode(BlockType type, byte[] block) {
    float[] values = new float[type.size()];
    type.decoder().decode(MemorySegment.ofArray(block), 0, values, 0);
    return values;
  }

  static StorageType storage(BlockType type) {
    return new StorageType.Block("ggml", type.code(), type.name());
  }

  static Tensor tensor(String name, BlockType type, LinearShape shape, byte[] bytes) {
    List<Long> dimensions =
        shape.experts() == 1
            ? List.of((long) shape.outputs(), (long) shape.inputs())
            : List.of((long) shape.experts(), (long) shape.outputs(), (long) shape.inputs());
    return new Tensor(name, storage(type), dimensions, MemorySegment.ofArray(bytes));
  }

  /** A group of random blocks. */
  static TensorGroup group(BlockType type, LinearShape shape) {
    int blocks = Math.toIntExact(shape.weights() / type.size());
    String stem = "blk.3." + type.name().toLowerCase(Locale.ROOT);
    byte[] bytes = blocks(type, blocks, new Random(Arrays.hashCode(new int[] {type.code()})));
    return new TensorGroup(
        new OperatorId(3, shape.experts() == 1 ? Role.QUERY : Role.EXPERT_UP),
        stem,
        shape,
        Map.of("weight", tensor(stem + ".weight", type, shape, bytes)));
  }
}
