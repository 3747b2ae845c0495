package org.espalier.codec.ggml;

import static org.espalier.codec.ggml.Fields.half;
import static org.espalier.codec.ggml.Fields.int16;
import static org.espalier.codec.ggml.Fields.signedByte;
import static org.espalier.codec.ggml.Fields.unsignedByte;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Blocks of 256 values in groups of 16 or 32. A group has a small scale of its own, and in some
 * types a small minimum, which are multiplied by the block's scale d and minimum scale m.
 */
final class SuperBlocks {
  /** Values of a block. */
  static final int SIZE = 256;

  private SuperBlocks() {}

  /**
   * 16 bytes with scale (low half) and minimum (high half) of each group of 16; 64 bytes of codes;
   * d; m. Every 32 bytes of codes hold 128 values: value 32 s + l in bits 2s and 2s + 1 of byte l.
   */
  static void q2(MemorySegment blocks, long at, float[] target, int offset) {
    float scale = half(blocks, at + 80);
    float minimumScale = half(blocks, at + 82);
    for (int group = 0; group < 16; group++) {
      int packed = unsignedByte(blocks, at + group);
      float factor = scale * (packed & 15);
      float minimum = minimumScale * (packed >> 4);
      long codes = at + 16 + codes16(group);
      int shift = shift16(group);
      for (int l = 0; l < 16; l++) {
        int code = unsignedByte(blocks, codes + l) >> shift & 3;
        target[offset + 16 * group + l] = factor * code - minimum;
      }
    }
  }

  /**
   * 32 bytes with the third bits: bit b of byte l belongs to value 32 b + l; 64 bytes of codes as
   * in {@link #q2}; 12 bytes of scales; d. A value is d (scale − 32) (code − 4), the code's third
   * bit included.
   */
  static void q3(MemorySegment blocks, long at, float[] target, int offset) {
    float scale = half(blocks, at + 108);
    for (int group = 0; group < 16; group++) {
      float factor = scale * (scale3(blocks, at + 96, group) - 32);
      long codes = at + 32 + codes16(group);
      long thirds = at + 16 * (group & 1);
      int shift = shift16(group);
      for (int l = 0; l < 16; l++) {
        int third = unsignedByte(blocks, thirds + l) >> (group >> 1) & 1;
        int code = (unsignedByte(blocks, codes + l) >> shift & 3) + 4 * third;
        target[offset + 16 * group + l] = factor * (code - 4);
      }
    }
  }

  /** Where the codes of a group of 16 values begin, of those that come 128 values to 32 bytes. */
  private static int codes16(int group) {
    return 32 * (group >> 3) + 16 * (group & 1);
  }

  private static int shift16(int group) {
    return 2 * (group >> 1 & 3);
  }

  /** 16 scales of 6 bits: low halves in bytes 0 to 7, upper bits in bytes 8 to 11. */
  private static int scale3(MemorySegment blocks, long at, int group) {
    int low = unsignedByte(blocks, at + (group & 7)) >> 4 * (group >> 3) & 15;
    int high = unsignedByte(blocks, at + 8 + (group & 3)) >> 2 * (group >> 2) & 3;
    return low | high << 4;
  }

  /**
   * d; m; 12 bytes of scales and minima; 128 bytes of codes. Every 32 bytes of codes hold two
   * groups of 32 values: the first in the low halves, the second in the high ones.
   */
  static void q4(MemorySegment blocks, long at, float[] target, int offset) {
    for (int group = 0; group < 8; group++) {
      float factor = half(blocks, at) * scale(blocks, at + 4, group);
      float minimum = half(blocks, at + 2) * minimum(blocks, at + 4, group);
      long codes = at + 16 + 32 * (group >> 1);
      int shift = 4 * (group & 1);
      for (int l = 0; l < 32; l++) {
        int code = unsignedByte(blocks, codes + l) >> shift & 15;
        target[offset + 32 * group + l] = factor * code - minimum;
      }
    }
  }

  /**
   * As {@link #q4} with 32 bytes of fifth bits before the codes: bit g of byte l belongs to value l
   * of group g.
   */
  static void q5(MemorySegment blocks, long at, float[] target, int offset) {
    for (int group = 0; group < 8; group++) {
      float factor = half(blocks, at) * scale(blocks, at + 4, group);
      float minimum = half(blocks, at + 2) * minimum(blocks, at + 4, group);
      long codes = at + 48 + 32 * (group >> 1);
      int shift = 4 * (group & 1);
      for (int l = 0; l < 32; l++) {
        int fifth = unsignedByte(blocks, at + 16 + l) >> group & 1;
        int code = (unsignedByte(blocks, codes + l) >> shift & 15) + 16 * fifth;
        target[offset + 32 * group + l] = factor * code - minimum;
      }
    }
  }

  /** 8 scales of 6 bits; the upper two bits of the last four stand above the first four. */
  private static int scale(MemorySegment blocks, long at, int group) {
    return group < 4
        ? unsignedByte(blocks, at + group) & 63
        : unsignedByte(blocks, at + group + 4) & 15
            | unsignedByte(blocks, at + group - 4) >> 6 << 4;
  }

  /** 8 minima of 6 bits, packed with the scales. */
  private static int minimum(MemorySegment blocks, long at, int group) {
    return group < 4
        ? unsignedByte(blocks, at + group + 4) & 63
        : unsignedByte(blocks, at + group + 4) >> 4 | unsignedByte(blocks, at + group) >> 6 << 4;
  }

  /**
   * 128 bytes of low halves; 64 bytes of upper bit pairs; 16 signed scales; d. Of each 128 values
   * the first 64 have the low halves of 64 bytes, the others the high ones; value 32 s + l has its
   * upper bits in bits 2s and 2s + 1 of byte l of 32. A value is d scale (code − 32).
   */
  static void q6(MemorySegment blocks, long at, float[] target, int offset) {
    float scale = half(blocks, at + 208);
    for (int group = 0; group < 16; group++) {
      float factor = scale * signedByte(blocks, at + 192 + group);
      int inHalf = group & 7;
      long lows = at + 64 * (group >> 3) + 16 * (inHalf & 3);
      long highs = at + 128 + 32 * (group >> 3) + 16 * (group & 1);
      int lowShift = 4 * (inHalf >> 2);
      int highShift = 2 * (inHalf >> 1);
      for (int l = 0; l < 16; l++) {
        int low = unsignedByte(blocks, lows + l) >> lowShift & 15;
        int high = unsignedByte(blocks, highs + l) >> highShift & 3;
        target[offset + 16 * group + l] = factor * ((low | high << 4) - 32);
      }
    }
  }

  /**
   * d; 16 bits with the upper bit pairs of 8 scales; 4 bytes with their low halves; 8 groups of 16
   * bytes of codes. A value is d (scale − 32) times a level.
   */
  static void nonLinear4(MemorySegment blocks, long at, float[] target, int offset) {
    float scale = half(blocks, at);
    int highs = int16(blocks, at + 2);
    for (int group = 0; group < 8; group++) {
      int low = unsignedByte(blocks, at + 4 + (group >> 1)) >> 4 * (group & 1) & 15;
      int groupScale = low | (highs >> 2 * group & 3) << 4;
      float factor = scale * (groupScale - 32);
      SmallBlocks.levels(factor, blocks, at + 8 + 16 * group, target, offset + 32 * group);
    }
  }

  /** Codes of 6 bits where {@link #q6} reads them. */
  static void packSixBits(int[] codes, byte[] block, int at) {
    Arrays.fill(block, at, at + 192, (byte) 0);
    for (int i = 0; i < SIZE; i++) {
      int half = i >> 7;
      int inHalf = i & 127;
      int low = at + 64 * half + (inHalf & 63);
      int high = at + 128 + 32 * half + (inHalf & 31);
      block[low] |= (byte) ((codes[i] & 15) << 4 * (inHalf >> 6));
      block[high] |= (byte) (codes[i] >> 4 << 2 * (inHalf >> 5));
    }
  }
}
