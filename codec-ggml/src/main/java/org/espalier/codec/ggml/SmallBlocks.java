package org.espalier.codec.ggml;

import static org.espalier.codec.ggml.Fields.half;
import static org.espalier.codec.ggml.Fields.int32;
import static org.espalier.codec.ggml.Fields.signedByte;
import static org.espalier.codec.ggml.Fields.unsignedByte;

import java.lang.foreign.MemorySegment;

/**
 * Blocks of 32 values with one scale d, and some with a minimum m, both IEEE halves at the
 * beginning. Codes of 4 bits come in 16 bytes: the low half of byte j is value j, the high half
 * value j + 16. A fifth bit of value j is bit j of a 32-bit number before them.
 */
final class SmallBlocks {
  /** Values of a block. */
  static final int SIZE = 32;

  private static final int HALF = SIZE / 2;

  /** The 16 levels of the non-linear type. */
  private static final byte[] LEVELS = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
  };

  private SmallBlocks() {}

  /** d (q − 8). */
  static void q4With8(MemorySegment blocks, long at, float[] target, int offset) {
    float scale = half(blocks, at);
    for (int j = 0; j < HALF; j++) {
      int pair = unsignedByte(blocks, at + 2 + j);
      target[offset + j] = ((pair & 15) - 8) * scale;
      target[offset + j + HALF] = ((pair >> 4) - 8) * scale;
    }
  }

  /** d q + m. */
  static void q4WithMinimum(MemorySegment blocks, long at, float[] target, int offset) {
    float scale = half(blocks, at);
    float minimum = half(blocks, at + 2);
    for (int j = 0; j < HALF; j++) {
      int pair = unsignedByte(blocks, at + 4 + j);
      target[offset + j] = (pair & 15) * scale + minimum;
      target[offset + j + HALF] = (pair >> 4) * scale + minimum;
    }
  }

  /** d (q − 16). */
  static void q5With16(MemorySegment blocks, long at, float[] target, int offset) {
    float scale = half(blocks, at);
    int fifth = int32(blocks, at + 2);
    for (int j = 0; j < HALF; j++) {
      int pair = unsignedByte(blocks, at + 6 + j);
      target[offset + j] = ((pair & 15 | (fifth >>> j & 1) << 4) - 16) * scale;
      target[offset + j + HALF] = ((pair >> 4 | (fifth >>> j + HALF & 1) << 4) - 16) * scale;
    }
  }

  /** d q + m. */
  static void q5WithMinimum(MemorySegment blocks, long at, float[] target, int offset) {
    float scale = half(blocks, at);
    float minimum = half(blocks, at + 2);
    int fifth = int32(blocks, at + 4);
    for (int j = 0; j < HALF; j++) {
      int pair = unsignedByte(blocks, at + 8 + j);
      target[offset + j] = (pair & 15 | (fifth >>> j & 1) << 4) * scale + minimum;
      target[offset + j + HALF] = (pair >> 4 | (fifth >>> j + HALF & 1) << 4) * scale + minimum;
    }
  }

  /** d q, a signed byte each. */
  static void q8(MemorySegment blocks, long at, float[] target, int offset) {
    float scale = half(blocks, at);
    for (int j = 0; j < SIZE; j++) {
      target[offset + j] = signedByte(blocks, at + 2 + j) * scale;
    }
  }

  /** d times a level. */
  static void nonLinear4(MemorySegment blocks, long at, float[] target, int offset) {
    levels(half(blocks, at), blocks, at + 2, target, offset);
  }

  /** 32 values of 16 bytes of codes. */
  static void levels(float scale, MemorySegment blocks, long at, float[] target, int offset) {
    for (int j = 0; j < HALF; j++) {
      int pair = unsignedByte(blocks, at + j);
      target[offset + j] = scale * LEVELS[pair & 15];
      target[offset + j + HALF] = scale * LEVELS[pair >> 4];
    }
  }

  /** The levels of the non-linear type. */
  static Levels nonLinearLevels() {
    return Levels.of(LEVELS);
  }

  /** Codes of 4 bits into 16 bytes; what is above 4 bits is left out. */
  static void packHalves(int[] codes, byte[] block, int at) {
    for (int j = 0; j < HALF; j++) {
      block[at + j] = (byte) (codes[j] & 15 | (codes[j + HALF] & 15) << 4);
    }
  }

  /** Codes of 5 bits behind a scale. */
  static void packWithFifthBits(int[] codes, byte[] block, int at) {
    int fifth = 0;
    for (int j = 0; j < SIZE; j++) {
      fifth |= codes[j] >> 4 << j;
    }
    Fields.putInt16(block, at + 2, fifth);
    Fields.putInt16(block, at + 4, fifth >>> Short.SIZE);
    packHalves(codes, block, at + 6);
  }
}
