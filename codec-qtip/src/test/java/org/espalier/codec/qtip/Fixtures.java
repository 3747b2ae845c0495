package org.espalier.codec.qtip;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;

/**
 * Reference data and made-up tensors. The reference files come from an independent implementation
 * of the quantiser: codes as one byte each in the order given, start states as the state
 * <em>before</em> the first code.
 */
final class Fixtures {
  static final String STEM = "blk.3.attn_k";
  static final OperatorId ID = new OperatorId(3, Role.KEY);
  static final StorageType F32 = new StorageType.Plain(ElementType.F32);

  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Fixtures() {}

  static byte[] bytes(String name) {
    try (InputStream in = Fixtures.class.getResourceAsStream(name)) {
      return Objects.requireNonNull(in, name).readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static float[] floats(String name) {
    return MemorySegment.ofArray(bytes(name)).toArray(FLOAT);
  }

  static int[] ints(String name) {
    return MemorySegment.ofArray(bytes(name)).toArray(INT);
  }

  /** Signs that the reference keeps as bytes, as floats. */
  static float[] signs(String name) {
    byte[] signs = bytes(name);
    float[] floats = new float[signs.length];
    for (int i = 0; i < signs.length; i++) {
      floats[i] = signs[i];
    }
    return floats;
  }

  static MemorySegment segment(float... values) {
    MemorySegment segment = MemorySegment.ofArray(new byte[values.length * Float.BYTES]);
    for (int i = 0; i < values.length; i++) {
      segment.setAtIndex(FLOAT, i, values[i]);
    }
    return segment;
  }

  /**
   * The codes of one reference tile as the format wants them: the state after the first code, then
   * the other 127, two to a byte.
   */
  static byte[] codes(int startBeforeFirst, byte[] steps, int tile) {
    byte[] codes = new byte[66];
    int first = tile * 128;
    int state = (startBeforeFirst << 4 | steps[first]) & 0xFFFF;
    codes[0] = (byte) state;
    codes[1] = (byte) (state >> 8);
    for (int step = 1; step < 128; step++) {
      int position = 2 + (step - 1) / 2;
      int shift = (step - 1) % 2 * 4;
      codes[position] |= (byte) (steps[first + step] << shift);
    }
    return codes;
  }

  /** One block: scale and codes. */
  static byte[] block(short scale, byte[] codes) {
    byte[] block = new byte[68];
    block[0] = (byte) scale;
    block[1] = (byte) (scale >> 8);
    System.arraycopy(codes, 0, block, 2, codes.length);
    return block;
  }

  /** Blocks of random bytes: every scale, NaN and infinities included, and every code occurs. */
  static MemorySegment randomBlocks(long tiles, long seed) {
    byte[] blocks = new byte[Math.toIntExact(tiles * 68)];
    new Random(seed).nextBytes(blocks);
    return MemorySegment.ofArray(blocks);
  }

  static long tiles(LinearShape shape) {
    return shape.weights() / 256;
  }

  static float[] randomSigns(int count, long seed) {
    Random random = new Random(seed);
    float[] signs = new float[count];
    for (int i = 0; i < count; i++) {
      signs[i] = random.nextBoolean() ? 1 : -1;
    }
    return signs;
  }

  /** A sound group of the given shape, whose members a test may then spoil. */
  static Map<String, Tensor> members(LinearShape shape, long seed) {
    int experts = shape.experts();
    Map<String, Tensor> members = new HashMap<>();
    put(
        members,
        "weight",
        new StorageType.Block("ggml", 41, "type 41"),
        stacked(experts, shape.outputs(), shape.inputs()),
        randomBlocks(tiles(shape), seed));
    put(
        members,
        "sign_r.weight",
        F32,
        stacked(experts, shape.inputs()),
        segment(randomSigns(experts * shape.inputs(), seed + 1)));
    put(
        members,
        "sign_l.weight",
        F32,
        stacked(experts, shape.outputs()),
        segment(randomSigns(experts * shape.outputs(), seed + 2)));
    return members;
  }

  static void put(
      Map<String, Tensor> members,
      String suffix,
      StorageType type,
      List<Long> shape,
      MemorySegment bytes) {
    members.put(suffix, new Tensor(STEM + "." + suffix, type, shape, bytes));
  }

  static List<Long> stacked(int experts, long... dimensions) {
    List<Long> shape = new ArrayList<>();
    if (experts > 1) {
      shape.add((long) experts);
    }
    for (long dimension : dimensions) {
      shape.add(dimension);
    }
    return shape;
  }

  static TensorGroup group(LinearShape shape, Map<String, Tensor> members) {
    return new TensorGroup(ID, STEM, shape, members);
  }
}
