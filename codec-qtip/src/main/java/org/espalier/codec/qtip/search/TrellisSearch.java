package org.espalier.codec.qtip.search;

/**
 * One way of finding the best walk. Ties go to the lowest predecessor and the lowest final state.
 * It holds buffers, so one thread uses it at a time.
 */
public interface TrellisSearch {
  /** States of a walk. */
  int STEPS = 128;

  /** Weights of a tile, two per step. */
  int WEIGHTS = 2 * STEPS;

  /**
   * Finds the walk for one tile.
   *
   * @param targets holds the tile's {@value #WEIGHTS} weights
   * @param offset of the first
   * @param walk receives the {@value #STEPS} states
   */
  void search(float[] targets, int offset, int[] walk);
}
