package org.espalier.codec.ggml;

import java.util.Locale;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.codec.BlockQuantizer;
import org.espalier.api.tensor.StorageType;

/**
 * Rounds to blocks of 32 values with one scale d. ggml's own rule gives the value farthest from
 * zero the lowest level; here that scale is one of many that are tried, with both signs where
 * levels are not symmetric, and the best is improved by least squares.
 */
final class SmallBlockQuantizer implements BlockQuantizer {
  /** Scales from this share of that which reaches the farthest value … */
  private static final double SMALLEST = 0.7;

  private static final double STEP = 0.025;
  private static final int SCALES = 23;

  private static final int IMPROVEMENTS = 3;

  private final BlockType type;
  private final Levels levels;
  private final Packer packer;

  private SmallBlockQuantizer(BlockType type, Levels levels, Packer packer) {
    this.type = type;
    this.levels = levels;
    this.packer = packer;
  }

  /** Writes codes of a block behind its scale. */
  @FunctionalInterface
  private interface Packer {
    void pack(int[] codes, byte[] block, int at);
  }

  static SmallBlockQuantizer q4With8() {
    return new SmallBlockQuantizer(
        BlockType.Q4_0,
        Levels.from(-8, 7),
        (codes, block, at) -> SmallBlocks.packHalves(codes, block, at + 2));
  }

  static SmallBlockQuantizer nonLinear4() {
    return new SmallBlockQuantizer(
        BlockType.IQ4_NL,
        SmallBlocks.nonLinearLevels(),
        (codes, block, at) -> SmallBlocks.packHalves(codes, block, at + 2));
  }

  static SmallBlockQuantizer q5With16() {
    return new SmallBlockQuantizer(
        BlockType.Q5_0, Levels.from(-16, 15), SmallBlocks::packWithFifthBits);
  }

  @Override
  public String name() {
    return type.name().toLowerCase(Locale.ROOT);
  }

  @Override
  public StorageType type() {
    return type.storage();
  }

  @Override
  public int size() {
    return type.size();
  }

  @Override
  public int bytes() {
    return type.bytes();
  }

  @Override
  public Rounding rounding(double[] matrix) {
    Metric metric = Metric.of(matrix, type.size());
    return (targets, offset, block, at, values) ->
        round(metric, targets, offset, block, at, values);
  }

  private void round(
      Metric metric, float[] targets, int offset, byte[] block, int at, float[] values) {
    int size = type.size();
    double[] aims = new double[size];
    for (int j = 0; j < size; j++) {
      aims[j] = targets[offset + j];
    }
    ScaleSearch search = new ScaleSearch(metric, levels, aims, aims, 0, size);
    double extreme = ScaleSearch.extreme(aims, 0, size);
    for (int i = 0; i < SCALES; i++) {
      double share = SMALLEST + i * STEP;
      search.attempt(half(share * extreme / levels.lowest()));
      search.attempt(half(share * extreme / levels.highest()));
    }
    if (!search.found()) {
      throw new Unsupported(
          "a weight of about %s is too large for %s: store the matrix otherwise"
              .formatted(extreme, type));
    }
    improve(metric, aims, search);
    Fields.putInt16(block, at, Float.floatToFloat16(search.scale()));
    int[] codes = new int[size];
    for (int j = 0; j < size; j++) {
      codes[j] = search.code(j);
      values[offset + j] = search.value(j);
    }
    packer.pack(codes, block, at);
  }

  /** With the codes held, the best scale is a quotient; with that, codes may be better again. */
  private void improve(Metric metric, double[] aims, ScaleSearch search) {
    double[] coded = new double[aims.length];
    for (int i = 0; i < IMPROVEMENTS; i++) {
      for (int j = 0; j < coded.length; j++) {
        coded[j] = levels.of(search.code(j));
      }
      double square = metric.product(coded, coded);
      if (square > 0) {
        search.attempt(half(metric.product(aims, coded) / square));
      }
    }
  }

  /** As it is stored. */
  private static float half(double scale) {
    return Float.float16ToFloat(Float.floatToFloat16((float) scale));
  }
}
