package org.espalier.backend.offload.residency;

/**
 * What it is worth to keep an expert in memory: how often its layer has used it, where a use counts
 * for less with every turn of the layer that has passed since.
 *
 * <p>Time goes by turns of the expert's own layer, not by uses: a token takes the layers in turn,
 * so what was used longest ago is what will be used soonest, and throwing that out first (LRU)
 * throws out just what is needed next. Among experts of equal worth that one goes whose layer's
 * turn is farthest off.
 *
 * <p>Experts are numbered through all layers: layer · experts + expert.
 */
public final class Worth {
  /** Share of a use that is left after a turn; long memories win, see the simulation's test. */
  public static final double KEPT_PER_TURN = 0.98;

  /** Turns after which a use counts for nothing. */
  private static final int HORIZON = 4096;

  private final int layers;
  private final int experts;
  private final double[] kept;
  private final double[] worth;
  private final long[] lastTurn;
  private final long[] turns;

  /** All are worth nothing yet. */
  public Worth(int layers, int experts, double keptPerTurn) {
    this.layers = layers;
    this.experts = experts;
    this.kept = new double[HORIZON];
    for (int i = 0; i < HORIZON; i++) {
      kept[i] = Math.pow(keptPerTurn, i);
    }
    this.worth = new double[layers * experts];
    this.lastTurn = new long[layers * experts];
    this.turns = new long[layers];
  }

  /** A layer has its turn and uses some of its experts. */
  public void turn(int layer, int[] used, int count) {
    turns[layer]++;
    for (int i = 0; i < count; i++) {
      int key = layer * experts + used[i];
      worth[key] = of(key) + 1;
      lastTurn[key] = turns[layer];
    }
  }

  /** What an expert is worth now. */
  double of(int key) {
    long passed = turns[key / experts] - lastTurn[key];
    return passed < HORIZON ? worth[key] * kept[(int) passed] : 0;
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
