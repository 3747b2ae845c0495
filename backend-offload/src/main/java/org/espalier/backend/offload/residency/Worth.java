package org.espalier.backend.offload.residency;

/**
 * What it is worth to keep an expert in memory: how likely its layer is to use it at its next turn.
 * That is estimated twice, by how often the layer has used it in the long run, and by whether it
 * has done so in its last turns, since the topic of a text outlasts a token; the two are mixed.
 *
 * <p>Time goes by turns of the expert's own layer, not by uses: a token takes the layers in turn,
 * so what was used longest ago is what will be used soonest, and throwing that out first (LRU)
 * throws out just what is needed next. Among experts of equal worth that one goes whose layer's
 * turn is farthest off.
 *
 * <p>Experts are numbered through all layers: layer · experts + expert.
 */
public final class Worth {
  /** Share of the long-run estimate that is left after a turn. */
  private static final double LONG = 0.98;

  /** The same of the short-run one. */
  private static final double SHORT = 0.5;

  /** Share of the short-run estimate in the mixture; the simulation's test compares. */
  private static final double MIXTURE = 0.25;

  /** Turns after which a use counts for nothing. */
  private static final int HORIZON = 1024;

  private final int layers;
  private final int experts;
  private final double[] longKept = powers(LONG);
  private final double[] shortKept = powers(SHORT);
  private final double[] longRun;
  private final double[] shortRun;
  private final long[] lastTurn;
  private final long[] turns;

  /** All are worth nothing yet. */
  public Worth(int layers, int experts) {
    this.layers = layers;
    this.experts = experts;
    this.longRun = new double[layers * experts];
    this.shortRun = new double[layers * experts];
    this.lastTurn = new long[layers * experts];
    this.turns = new long[layers];
  }

  private static double[] powers(double base) {
    double[] powers = new double[HORIZON];
    for (int i = 0; i < HORIZON; i++) {
      powers[i] = Math.pow(base, i);
    }
    return powers;
  }

  /** A layer has its turn and uses some of its experts. */
  public void turn(int layer, int[] used, int count) {
    turns[layer]++;
    for (int i = 0; i < count; i++) {
      int key = layer * experts + used[i];
      int passed = passed(key);
      longRun[key] = longRun[key] * longKept[passed] + (1 - LONG);
      shortRun[key] = shortRun[key] * shortKept[passed] + (1 - SHORT);
      lastTurn[key] = turns[layer];
    }
  }

  private int passed(int key) {
    return (int) Math.min(HORIZON - 1, turns[key / experts] - lastTurn[key]);
  }

  /** How often an expert's layer uses it in the long run. */
  public double inTheLongRun(int key) {
    return longRun[key] * longKept[passed(key)];
  }

  /** What an expert is worth now. */
  private double of(int key) {
    int passed = passed(key);
    return (1 - MIXTURE) * longRun[key] * longKept[passed]
        + MIXTURE * shortRun[key] * shortKept[passed];
  }

  /**
   * Whether expert {@code a} should make room before expert {@code b}.
   *
   * @param layer whose turn it is
   */
  public boolean leavesBefore(int a, int b, int layer) {
    double worthOfA = of(a);
    double worthOfB = of(b);
    return worthOfA != worthOfB ? worthOfA < worthOfB : untilTurn(a, layer) > untilTurn(b, layer);
  }

  /** Layers until the turn of an expert's own comes again, from 1. */
  private int untilTurn(int key, int layer) {
    return Math.floorMod(key / experts - layer - 1, layers) + 1;
  }
}
