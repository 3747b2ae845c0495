package org.espalier.launcher.packaged;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.espalier.api.tensor.StorageType;

/** Rounds rows of weights to some of ggml's block types, by the plainest means. */
enum BlockQuantizer {
  Q8_0(8, 32, 34) {
    @Override
    void block(float[] weights, int from, ByteBuffer target) {
      float scale = putScale(target, 0, largest(weights, from, 32) / 127);
      for (int i = 0; i < 32; i++) {
        target.put(2 + i, (byte) nearest(weights[from + i], scale, -127, 127));
      }
    }
  },

  Q4_0(2, 32, 18) {
    @Override
    void block(float[] weights, int from, ByteBuffer target) {
      float scale = putScale(target, 0, largest(weights, from, 32) / 7);
      for (int i = 0; i < 16; i++) {
        int low = nearest(weights[from + i], scale, -8, 7) + 8;
        int high = nearest(weights[from + i + 16], scale, -8, 7) + 8;
        target.put(2 + i, (byte) (low | high << 4));
      }
    }
  },

  /** With one scale for all 16 groups. */
  Q6_K(14, 256, 210) {
    @Override
    void block(float[] weights, int from, ByteBuffer target) {
      float scale = putScale(target, 208, largest(weights, from, 256) / 31);
      for (int group = 0; group < 16; group++) {
        target.put(192 + group, (byte) 1);
      }
      for (int i = 0; i < 256; i++) {
        int code = nearest(weights[from + i], scale, -32, 31) + 32;
        int half = i / 128;
        or(target, 64 * half + i % 64, (code & 15) << 4 * (i % 128 / 64));
        or(target, 128 + 32 * half + i % 32, code >> 4 << 2 * (i % 128 / 32));
      }
    }
  },

  /** With one scale and one minimum for all 8 groups, packed as 1 each. */
  Q4_K(12, 256, 144) {
    @Override
    void block(float[] weights, int from, ByteBuffer target) {
      float bound = largest(weights, from, 256);
      float scale = putScale(target, 0, bound / 7.5f);
      float minimum = putScale(target, 2, bound);
      for (int i = 0; i < 8; i++) {
        target.put(4 + i, (byte) 1);
      }
      for (int i = 8; i < 12; i++) {
        target.put(4 + i, (byte) 0x11);
      }
      for (int i = 0; i < 256; i++) {
        int code = nearest(weights[from + i] + minimum, scale, 0, 15);
        or(target, 16 + 32 * (i / 64) + i % 32, code << 4 * (i / 32 % 2));
      }
    }
  };

  private final int code;
  private final int size;
  private final int bytes;

  BlockQuantizer(int code, int size, int bytes) {
    this.code = code;
    this.size = size;
    this.bytes = bytes;
  }

  StorageType type() {
    return new StorageType.Block("ggml", code, name());
  }

  /** All blocks of a tensor whose rows are multiples of the block's size. */
  byte[] quantize(float[] weights) {
    byte[] all = new byte[weights.length / size * bytes];
    for (int i = 0; i < weights.length / size; i++) {
      block(
          weights,
          i * size,
          ByteBuffer.wrap(all, i * bytes, bytes).slice().order(ByteOrder.LITTLE_ENDIAN));
    }
    return all;
  }

  abstract void block(float[] weights, int from, ByteBuffer target);

  private static float largest(float[] weights, int from, int count) {
    float largest = 0;
    for (int i = from; i < from + count; i++) {
      largest = Math.max(largest, Math.abs(weights[i]));
    }
    return largest;
  }

  private static float putScale(ByteBuffer target, int at, float scale) {
    short half = Float.floatToFloat16(scale);
    target.putShort(at, half);
    return Float.float16ToFloat(half);
  }

  private static int nearest(float weight, float scale, int least, int most) {
    return scale == 0
        ? Math.clamp(0, least, most)
        : Math.clamp(Math.round(weight / scale), least, most);
  }

  private static void or(ByteBuffer target, int at, int bits) {
    target.put(at, (byte) (target.get(at) | bits));
  }
}
