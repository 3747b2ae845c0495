package org.espalier.downloads;

import java.io.IOException;
import java.util.OptionalLong;

/** A server that wants us to come later. */
final class Busy extends IOException {
  private static final long serialVersionUID = 1L;

  private final long seconds;

  /**
   * As it said.
   *
   * @param pause seconds that it asked to wait
   */
  Busy(String message, OptionalLong pause) {
    super(message);
    this.seconds = pause.orElse(0);
  }

  /** Seconds that it asked to wait; 0 where it did not say. */
  long seconds() {
    return seconds;
  }
}
