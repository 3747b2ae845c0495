package org.espalier.downloads;

import java.time.Duration;

/**
 * How long to put up with a server.
 *
 * @param attempts in a row without a new byte before giving up
 * @param firstPause before the second attempt; doubled before each further one
 * @param longestPause that is ever made; a server that asks for more is not waited for
 * @param silence after which a connection counts as lost
 */
public record Patience(int attempts, Duration firstPause, Duration longestPause, Duration silence) {
  /** Some two minutes in all. */
  public static final Patience DEFAULT =
      new Patience(6, Duration.ofSeconds(1), Duration.ofSeconds(60), Duration.ofSeconds(60));

  /** Pause after so many failures. */
  Duration pause(int failures) {
    Duration pause = firstPause.multipliedBy(1L << Math.min(failures - 1, 20));
    return pause.compareTo(longestPause) < 0 ? pause : longestPause;
  }
}
