package org.espalier.codec.ggml;

/**
 * Finds scale and codes of some neighbouring values of a block together: for each scale that is
 * tried, values are rounded from the last to the first, each to the level nearest to its aim, and
 * the scale that costs least wins. Holds buffers, so one thread uses it at a time.
 */
final class ScaleSearch {
  private final Metric metric;
  private final Levels levels;
  private final int from;
  private final int to;
  private final double[] targets;
  private final double[] aims;
  private final double[] tried;
  private final int[] codes;
  private final int[] bestCodes;
  private float bestScale;
  private double bestCost = Double.POSITIVE_INFINITY;

  /**
   * A search.
   *
   * @param targets of the whole block
   * @param aims the same and what errors behind {@code to} ask for
   * @param from the first value
   * @param to behind the last one
   */
  ScaleSearch(Metric metric, Levels levels, double[] targets, double[] aims, int from, int to) {
    this.metric = metric;
    this.levels = levels;
    this.targets = targets;
    this.aims = aims;
    this.from = from;
    this.to = to;
    tried = new double[to];
    codes = new int[to];
    bestCodes = new int[to];
  }

  /** The aim that is farthest from zero, with its sign. */
  static double extreme(double[] aims, int from, int to) {
    double extreme = 0;
    for (int j = from; j < to; j++) {
      if (Math.abs(aims[j]) > Math.abs(extreme)) {
        extreme = aims[j];
      }
    }
    return extreme;
  }

  /** Tries a scale. What is not finite is no scale. */
  void attempt(float scale) {
    if (!Float.isFinite(scale)) {
      return;
    }
    System.arraycopy(aims, from, tried, from, to - from);
    double cost = 0;
    for (int j = to - 1; j >= from && cost < bestCost; j--) {
      codes[j] = levels.nearest(scale == 0 ? 0 : tried[j] / scale);
      double error = tried[j] - value(codes[j], scale);
      cost += metric.pivot(j) * error * error;
      metric.feed(j, targets[j] - value(codes[j], scale), from, tried);
    }
    if (cost < bestCost) {
      bestCost = cost;
      bestScale = scale;
      System.arraycopy(codes, from, bestCodes, from, to - from);
    }
  }

  private float value(int code, float scale) {
    return levels.of(code) * scale;
  }

  /** Whether a scale was found. */
  boolean found() {
    return bestCost < Double.POSITIVE_INFINITY;
  }

  float scale() {
    return bestScale;
  }

  /** The code of value {@code j}. */
  int code(int j) {
    return bestCodes[j];
  }

  /** What value {@code j} decodes to. */
  float value(int j) {
    return value(bestCodes[j], bestScale);
  }
}
