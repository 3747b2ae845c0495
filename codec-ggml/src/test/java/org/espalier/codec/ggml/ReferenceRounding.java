package org.espalier.codec.ggml;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * The rounding of blocks as it is meant, with no regard to speed: every aim is computed from all
 * errors anew, every cost from its definition, and bytes are found by setting bits until the
 * decoder of the tests reads the codes.
 */
final class ReferenceRounding {
  private final BlockType type;
  private final int n;
  private final double[][] factor;
  private final double[] pivots;

  ReferenceRounding(BlockType type, double[] metric) {
    this.type = type;
    n = type.size();
    factor = new double[n][n];
    pivots = new double[n];
    double[][] rest = new double[n][n];
    for (int i = 0; i < n; i++) {
      System.arraycopy(metric, i * n, rest[i], 0, n);
    }
    // Elimination: what is left of M after the columns before.
    for (int k = 0; k < n; k++) {
      pivots[k] = rest[k][k];
      for (int i = k; i < n; i++) {
        factor[i][k] = rest[i][k] / pivots[k];
      }
      for (int i = k + 1; i < n; i++) {
        for (int j = k + 1; j < n; j++) {
          rest[i][j] -= factor[i][k] * factor[j][k] * pivots[k];
        }
      }
    }
  }

  /** A try: codes and scale of some values. */
  private record Choice(float scale, int[] levels, double cost) {}

  byte[] round(float[] targets) {
    return type == BlockType.Q6_K ? sixBits(targets) : small(targets);
  }

  private int[] levels() {
    return switch (type) {
      case Q4_0 -> range(-8, 7);
      case Q5_0 -> range(-16, 15);
      case Q6_K -> range(-32, 31);
      case IQ4_NL ->
          new int[] {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
      default -> throw new IllegalArgumentException(type + " is not written");
    };
  }

  private static int[] range(int from, int to) {
    return java.util.stream.IntStream.rangeClosed(from, to).toArray();
  }

  private static float half(double x) {
    return Float.float16ToFloat(Float.floatToFloat16((float) x));
  }

  /** Values {@code from} to {@code to} at a scale, with the errors of those behind. */
  private Choice choice(float[] targets, double[] errors, int from, int to, float scale) {
    double[] all = errors.clone();
    int[] chosen = new int[to - from];
    double cost = 0;
    for (int j = to - 1; j >= from; j--) {
      double aim = targets[j];
      for (int i = n - 1; i > j; i--) {
        aim += all[i] * factor[i][j];
      }
      int best = levels()[0];
      for (int level : levels()) {
        if (Math.abs((scale == 0 ? 0 : aim / scale) - level)
            < Math.abs((scale == 0 ? 0 : aim / scale) - best)) {
          best = level;
        }
      }
      chosen[j - from] = best;
      all[j] = (double) targets[j] - best * scale;
      cost += pivots[j] * (aim - best * scale) * (aim - best * scale);
    }
    return new Choice(scale, chosen, cost);
  }

  private Choice best(
      float[] targets, double[] errors, int from, int to, List<Float> scales, Choice best) {
    Choice found = best;
    for (float scale : scales) {
      if (Float.isFinite(scale)) {
        Choice choice = choice(targets, errors, from, to, scale);
        found = found == null || choice.cost() < found.cost() ? choice : found;
      }
    }
    return found;
  }

  private byte[] small(float[] targets) {
    double extreme = 0;
    for (float target : targets) {
      extreme = Math.abs(target) > Math.abs(extreme) ? target : extreme;
    }
    int[] levels = levels();
    List<Float> scales = new ArrayList<>();
    for (int i = 0; i < 23; i++) {
      double share = 0.7 + i * 0.025;
      scales.add(half(share * extreme / levels[0]));
      scales.add(half(share * extreme / levels[levels.length - 1]));
    }
    double[] none = new double[n];
    Choice best = best(targets, none, 0, n, scales, null);
    for (int i = 0; i < 3; i++) {
      double square = 0;
      double product = 0;
      for (int j = 0; j < n; j++) {
        double c = 0;
        double t = 0;
        for (int k = j; k < n; k++) {
          c += best.levels()[k] * factor[k][j];
          t += targets[k] * factor[k][j];
        }
        square += pivots[j] * c * c;
        product += pivots[j] * t * c;
      }
      best = best(targets, none, 0, n, List.of(half(product / square)), best);
    }
    byte[] block = new byte[type.bytes()];
    Fixtures.putHalf(block, 0, best.scale());
    setCodes(block, 2, best.scale(), 0, best.levels());
    return block;
  }

  private byte[] sixBits(float[] targets) {
    byte[] block = new byte[type.bytes()];
    double farthest = 0;
    for (float target : targets) {
      farthest = Math.max(farthest, Math.abs(target));
    }
    float d = half(farthest / 32 / 96);
    Fixtures.putHalf(block, 208, d);
    double[] errors = new double[n];
    for (int from = n - 16; from >= 0; from -= 16) {
      double extreme = 0;
      for (int j = from; j < from + 16; j++) {
        double aim = targets[j];
        for (int i = n - 1; i >= from + 16; i--) {
          aim += errors[i] * factor[i][j];
        }
        extreme = Math.abs(aim) > Math.abs(extreme) ? aim : extreme;
      }
      List<Float> scales = new ArrayList<>(List.of(0f));
      for (int i = 0; i < 16; i++) {
        for (int level : new int[] {-32, 31}) {
          long units = Math.round((0.8 + i * 0.02) * extreme / level / d);
          scales.add(Math.clamp(units, -128, 127) * d);
        }
      }
      Choice best = best(targets, errors, from, from + 16, scales, null);
      for (int j = from; j < from + 16; j++) {
        errors[j] = (double) targets[j] - best.levels()[j - from] * best.scale();
      }
      block[192 + from / 16] = (byte) Math.round(best.scale() / d);
      setCodes(block, 0, best.scale(), from, best.levels());
    }
    return block;
  }

  /** Sets bits of the codes, one by one, where that brings a value to its level. */
  private void setCodes(byte[] block, int codes, float scale, int from, int[] levels) {
    int end = type == BlockType.Q6_K ? 192 : type.bytes();
    for (int bit = 8 * codes; bit < 8 * end; bit++) {
      float[] before = decode(block);
      block[bit / 8] ^= (byte) (1 << bit % 8);
      float[] after = decode(block);
      int changed = 0;
      while (changed < n && before[changed] == after[changed]) {
        changed++;
      }
      int level = changed - from;
      boolean wanted =
          changed < n
              && level >= 0
              && level < levels.length
              && isSet(levels[level], after[changed] / scale, before[changed] / scale);
      boolean foreign = changed < n && (level < 0 || level >= levels.length);
      if (!wanted || foreign) {
        block[bit / 8] ^= (byte) (1 << bit % 8);
      }
    }
  }

  /** Whether the code of a level has the bit that turned one level into the other. */
  private boolean isSet(int level, float with, float without) {
    int[] all = levels();
    int code = index(all, level);
    int bit = index(all, Math.round(with)) ^ index(all, Math.round(without));
    return (code & bit) != 0;
  }

  private static int index(int[] levels, int level) {
    for (int i = 0; i < levels.length; i++) {
      if (levels[i] == level) {
        return i;
      }
    }
    throw new IllegalStateException("no level " + level);
  }

  private float[] decode(byte[] block) {
    float[] values = new float[n];
    type.decoder().decode(MemorySegment.ofArray(block), 0, values, 0);
    return values;
  }
}
