package org.espalier.backend.cpu.numeric;

import static org.espalier.backend.cpu.numeric.Lanes.COUNT;
import static org.espalier.backend.cpu.numeric.Lanes.SPECIES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShuffle;

/** The orthonormal Walsh–Hadamard transform in natural (Sylvester) order, in place. */
public final class Hadamard {
  private static final VectorShuffle<Float> XOR_1 = Lanes.xor(1);
  private static final VectorShuffle<Float> XOR_2 = Lanes.xor(2);
  private static final VectorShuffle<Float> XOR_4 = Lanes.xor(4);
  private static final VectorShuffle<Float> XOR_8 = Lanes.xor(8);
  private static final FloatVector SIGN_1 = signs(1);
  private static final FloatVector SIGN_2 = signs(2);
  private static final FloatVector SIGN_4 = signs(4);
  private static final FloatVector SIGN_8 = signs(8);

  private Hadamard() {}

  private static FloatVector signs(int bit) {
    float[] signs = new float[COUNT];
    for (int lane = 0; lane < COUNT; lane++) {
      signs[lane] = (lane & bit) == 0 ? 1 : -1;
    }
    return FloatVector.fromArray(SPECIES, signs, 0);
  }

  /**
   * Transforms each block of a row.
   *
   * @param x holds the row
   * @param offset of its first value
   * @param length of the row, a multiple of {@code block}
   * @param block length of each transform, a power of two
   */
  public static void transform(float[] x, int offset, int length, int block) {
    for (int at = offset; at < offset + length; at += block) {
      if (block < COUNT || COUNT > 16) {
        scalar(x, at, block);
      } else {
        withinVectors(x, at, block);
        int h = COUNT;
        // Two stages per sweep halve the traffic to the first-level cache.
        for (; h * 4 <= block; h *= 4) {
          twoStages(x, at, block, h);
        }
        if (h < block) {
          oneStage(x, at, block, h);
        }
      }
    }
  }

  /** The definition, butterfly by butterfly. */
  static void scalar(float[] x, int offset, int n) {
    for (int h = 1; h < n; h *= 2) {
      for (int i = 0; i < n; i += 2 * h) {
        for (int j = offset + i; j < offset + i + h; j++) {
          float a = x[j];
          float b = x[j + h];
          x[j] = a + b;
          x[j + h] = a - b;
        }
      }
    }
    float scale = (float) (1 / Math.sqrt(n));
    for (int j = offset; j < offset + n; j++) {
      x[j] *= scale;
    }
  }

  /** Stages whose butterflies lie inside one vector, and the scale of the whole. */
  private static void withinVectors(float[] x, int offset, int n) {
    FloatVector scale = FloatVector.broadcast(SPECIES, (float) (1 / Math.sqrt(n)));
    for (int j = offset; j < offset + n; j += COUNT) {
      FloatVector v = FloatVector.fromArray(SPECIES, x, j).mul(scale);
      if (COUNT >= 2) {
        v = Fused.multiplyAdd(v, SIGN_1, v.rearrange(XOR_1));
      }
      if (COUNT >= 4) {
        v = Fused.multiplyAdd(v, SIGN_2, v.rearrange(XOR_2));
      }
      if (COUNT >= 8) {
        v = Fused.multiplyAdd(v, SIGN_4, v.rearrange(XOR_4));
      }
      if (COUNT >= 16) {
        v = Fused.multiplyAdd(v, SIGN_8, v.rearrange(XOR_8));
      }
      v.intoArray(x, j);
    }
  }

  private static void oneStage(float[] x, int offset, int n, int h) {
    for (int i = offset; i < offset + n; i += 2 * h) {
      for (int j = i; j < i + h; j += COUNT) {
        FloatVector a = FloatVector.fromArray(SPECIES, x, j);
        FloatVector b = FloatVector.fromArray(SPECIES, x, j + h);
        a.add(b).intoArray(x, j);
        a.sub(b).intoArray(x, j + h);
      }
    }
  }

  private static void twoStages(float[] x, int offset, int n, int h) {
    for (int i = offset; i < offset + n; i += 4 * h) {
      for (int j = i; j < i + h; j += COUNT) {
        FloatVector a = FloatVector.fromArray(SPECIES, x, j);
        FloatVector b = FloatVector.fromArray(SPECIES, x, j + h);
        FloatVector c = FloatVector.fromArray(SPECIES, x, j + 2 * h);
        FloatVector d = FloatVector.fromArray(SPECIES, x, j + 3 * h);
        FloatVector ab = a.add(b);
        FloatVector amb = a.sub(b);
        FloatVector cd = c.add(d);
        FloatVector cmd = c.sub(d);
        ab.add(cd).intoArray(x, j);
        amb.add(cmd).intoArray(x, j + h);
        ab.sub(cd).intoArray(x, j + 2 * h);
        amb.sub(cmd).intoArray(x, j + 3 * h);
      }
    }
  }
}
