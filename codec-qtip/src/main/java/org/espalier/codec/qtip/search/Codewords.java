package org.espalier.codec.qtip.search;

import java.util.Objects;

/**
 * The two weights that each state stands for. States s and 65535 − s must stand for the same pair,
 * as they do when a codeword is a hash of s (s + 1): the searches then compute an error once for
 * both.
 */
public final class Codewords {
  /** States of the trellis. */
  public static final int STATES = 1 << 16;

  private final float[] first;
  private final float[] second;

  /**
   * Codewords of all states.
   *
   * @param first weight by state, {@value #STATES} values
   * @param second weight by state, {@value #STATES} values
   */
  public Codewords(float[] first, float[] second) {
    this.first = Objects.requireNonNull(first).clone();
    this.second = Objects.requireNonNull(second).clone();
    if (first.length != STATES || second.length != STATES) {
      throw new IllegalArgumentException("a codeword per state is needed");
    }
    for (int state = 0; state < STATES / 2; state++) {
      int mirrored = STATES - 1 - state;
      if (first[state] != first[mirrored] || second[state] != second[mirrored]) {
        throw new IllegalArgumentException("states %d and %d differ".formatted(state, mirrored));
      }
    }
  }

  /** The first weight of a state. */
  public float first(int state) {
    return first[state];
  }

  /** The second weight of a state. */
  public float second(int state) {
    return second[state];
  }
}
