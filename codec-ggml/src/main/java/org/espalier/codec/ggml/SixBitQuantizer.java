package org.espalier.codec.ggml;

import java.util.Locale;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.codec.BlockQuantizer;
import org.espalier.api.tensor.StorageType;

/**
 * Rounds to Q6_K: blocks of 256 values in 16 groups, whose scales are whole numbers of 8 bits times
 * the block's d. The group with the value farthest from zero decides on d; groups are then rounded
 * from the last to the first, each with the best of some scales.
 */
final class SixBitQuantizer implements BlockQuantizer {
  private static final BlockType TYPE = BlockType.Q6_K;
  private static final Levels LEVELS = Levels.from(-32, 31);
  private static final int GROUP = 16;
  private static final int GROUPS = SuperBlocks.SIZE / GROUP;
  private static final int SCALES_AT = 192;
  private static final int D_AT = 208;

  /** The largest scale leaves room for aims that grow on the way, and for shares above 1. */
  private static final int LARGEST_AT_FIRST = 96;

  private static final double SMALLEST = 0.8;
  private static final double STEP = 0.02;
  private static final int SCALES = 16;

  @Override
  public String name() {
    return TYPE.name().toLowerCase(Locale.ROOT);
  }

  @Override
  public StorageType type() {
    return TYPE.storage();
  }

  @Override
  public int size() {
    return TYPE.size();
  }

  @Override
  public int bytes() {
    return TYPE.bytes();
  }

  @Override
  public Rounding rounding(double[] matrix) {
    Metric metric = Metric.of(matrix, SuperBlocks.SIZE);
    return (targets, offset, block, at, values) ->
        round(metric, targets, offset, block, at, values);
  }

  private static void round(
      Metric metric, float[] source, int offset, byte[] block, int at, float[] values) {
    double[] targets = new double[SuperBlocks.SIZE];
    for (int j = 0; j < targets.length; j++) {
      targets[j] = source[offset + j];
    }
    double[] aims = targets.clone();
    double farthest = Math.abs(ScaleSearch.extreme(targets, 0, targets.length));
    short d = Float.floatToFloat16((float) (farthest / 32 / LARGEST_AT_FIRST));
    if (Float.isInfinite(Float.float16ToFloat(d))) {
      throw new Unsupported(
          "a weight of about %s is too large for %s: store the matrix otherwise"
              .formatted(farthest, TYPE));
    }
    Fields.putInt16(block, at + D_AT, d);
    int[] codes = new int[SuperBlocks.SIZE];
    for (int group = GROUPS - 1; group >= 0; group--) {
      int from = GROUP * group;
      ScaleSearch search = new ScaleSearch(metric, LEVELS, targets, aims, from, from + GROUP);
      block[at + SCALES_AT + group] = (byte) search(search, aims, from, Float.float16ToFloat(d));
      for (int j = from + GROUP - 1; j >= from; j--) {
        codes[j] = search.code(j);
        values[offset + j] = search.value(j);
        metric.feed(j, targets[j] - search.value(j), 0, aims);
      }
    }
    SuperBlocks.packSixBits(codes, block, at);
  }

  /** Tries some scales of a group and gives the best one in units of d. */
  private static int search(ScaleSearch search, double[] aims, int from, float d) {
    double extreme = ScaleSearch.extreme(aims, from, from + GROUP);
    search.attempt(0);
    for (int i = 0; i < SCALES && d > 0; i++) {
      double share = SMALLEST + i * STEP;
      for (int level : new int[] {LEVELS.lowest(), LEVELS.highest()}) {
        long units = Math.round(share * extreme / level / d);
        search.attempt(Math.clamp(units, Byte.MIN_VALUE, Byte.MAX_VALUE) * d);
      }
    }
    return d > 0 ? Math.round(search.scale() / d) : 0;
  }
}
