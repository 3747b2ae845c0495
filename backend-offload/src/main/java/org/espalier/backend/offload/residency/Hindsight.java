package org.espalier.backend.offload.residency;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * How often guesses for a layer were right, by their rank. The first guess is nearly always right
 * and the last is often wrong; where the line is depends on the model, and is learnt.
 */
final class Hindsight {
  /** Share of an estimate that the last turn makes. */
  private static final double RATE = 0.03;

  /** Of what has never been compared: more than enough. */
  private static final double START = 0.9;

  /**
   * Guesses that are right less often are not followed: reading in vain delays what is needed by
   * more than is gained.
   */
  private static final double ENOUGH = 0.6;

  private double[] right = new double[0];
  private int[] guessed = new int[0];

  /** Takes guesses, the likeliest first, and gives those that are worth following. */
  int[] worthFollowing(int[] guesses) {
    guessed = guesses;
    int known = right.length;
    if (guesses.length > known) {
      right = Arrays.copyOf(right, guesses.length);
      Arrays.fill(right, known, guesses.length, START);
    }
    return IntStream.range(0, guesses.length)
        .filter(rank -> right[rank] >= ENOUGH)
        .map(rank -> guesses[rank])
        .toArray();
  }

  /** Compares the last guesses with what the layer has asked for. */
  void compare(int[] wanted, int count) {
    for (int rank = 0; rank < guessed.length; rank++) {
      int guess = guessed[rank];
      boolean wasRight = Arrays.stream(wanted, 0, count).anyMatch(expert -> expert == guess);
      right[rank] += RATE * ((wasRight ? 1 : 0) - right[rank]);
    }
    guessed = new int[0];
  }
}
