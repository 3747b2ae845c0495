package org.espalier.codec.ggml;

/**
 * The definitions of the types once more, one value at a time and by the position of its bits, with
 * no regard to speed.
 */
final class ReferenceBlocks {
  private static final int[] LEVELS = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
  };

  private final byte[] block;

  private ReferenceBlocks(byte[] block) {
    this.block = block;
  }

  /** Value {@code i} of a block. */
  static float value(BlockType type, byte[] block, int i) {
    ReferenceBlocks reference = new ReferenceBlocks(block);
    return switch (type) {
      case Q4_0 -> reference.half(0) * (reference.small(2, i) - 8);
      case Q4_1 -> reference.half(0) * reference.small(4, i) + reference.half(2);
      case Q5_0 ->
          reference.half(0) * (reference.small(6, i) + 16 * reference.bits(8 * 2 + i, 1) - 16);
      case Q5_1 ->
          reference.half(0) * (reference.small(8, i) + 16 * reference.bits(8 * 4 + i, 1))
              + reference.half(2);
      case Q8_0 -> reference.half(0) * block[2 + i];
      case IQ4_NL -> reference.half(0) * LEVELS[reference.small(2, i)];
      case Q2_K -> reference.q2(i);
      case Q3_K -> reference.q3(i);
      case Q4_K -> reference.q4Or5(i, 16, 0);
      case Q5_K -> reference.q4Or5(i, 48, 16 * reference.bits(8 * (16 + i % 32) + i / 32, 1));
      case Q6_K -> reference.q6(i);
      case IQ4_XS -> reference.nonLinear(i);
    };
  }

  /** {@code count} bits, the lowest first, from bit {@code from} of the block on. */
  private int bits(int from, int count) {
    int value = 0;
    for (int bit = count - 1; bit >= 0; bit--) {
      int at = from + bit;
      value = 2 * value + (block[at / 8] >> at % 8 & 1);
    }
    return value;
  }

  private float half(int at) {
    return Float.float16ToFloat((short) bits(8 * at, 16));
  }

  /** 4 bits of value {@code i} of 32 whose codes begin at byte {@code at}. */
  private int small(int at, int i) {
    return bits(8 * (at + i % 16) + 4 * (i / 16), 4);
  }

  /** 2 bits of value {@code i} of 256 whose codes begin at byte {@code at}. */
  private int pair(int at, int i) {
    return bits(8 * (at + 32 * (i / 128) + i % 32) + 2 * (i % 128 / 32), 2);
  }

  private float q2(int i) {
    int group = i / 16;
    float scale = half(80) * bits(8 * group, 4);
    float minimum = half(82) * bits(8 * group + 4, 4);
    return scale * pair(16, i) - minimum;
  }

  private float q3(int i) {
    int group = i / 16;
    int low = bits(8 * (96 + group % 8) + 4 * (group / 8), 4);
    int high = bits(8 * (104 + group % 4) + 2 * (group / 4), 2);
    float scale = half(108) * (low + 16 * high - 32);
    int third = bits(8 * (i % 32) + i / 32, 1);
    return scale * (pair(32, i) + 4 * third - 4);
  }

  /** As the 12 bytes are drawn in ggml's sources: 8 scales and 8 minima of 6 bits. */
  private float q4Or5(int i, int codes, int fifth) {
    int group = i / 32;
    int scale;
    int minimum;
    if (group < 4) {
      scale = bits(8 * (4 + group), 6);
      minimum = bits(8 * (8 + group), 6);
    } else {
      scale = bits(8 * (12 + group - 4), 4) + 16 * bits(8 * (4 + group - 4) + 6, 2);
      minimum = bits(8 * (12 + group - 4) + 4, 4) + 16 * bits(8 * (8 + group - 4) + 6, 2);
    }
    int code = bits(8 * (codes + 32 * (i / 64) + i % 32) + 4 * (i / 32 % 2), 4) + fifth;
    float factor = half(0) * scale;
    float subtracted = half(2) * minimum;
    return factor * code - subtracted;
  }

  private float q6(int i) {
    int low = bits(8 * (64 * (i / 128) + i % 64) + 4 * (i % 128 / 64), 4);
    int high = pair(128, i);
    float factor = half(208) * block[192 + i / 16];
    return factor * (low + 16 * high - 32);
  }

  private float nonLinear(int i) {
    int group = i / 32;
    int scale = bits(8 * 4 + 4 * group, 4) + 16 * bits(8 * 2 + 2 * group, 2) - 32;
    float factor = half(0) * scale;
    return factor * LEVELS[small(8 + 16 * group, i % 32)];
  }
}
