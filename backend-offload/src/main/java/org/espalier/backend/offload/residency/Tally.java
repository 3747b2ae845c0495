package org.espalier.backend.offload.residency;

/** What was asked for and what was done, counted. */
public final class Tally {
  long used;
  long found;
  long ahead;
  long moved;
  long wasted;
  long waitedNanos;
  long readingNanos;

  Tally() {}

  /** Nothing was asked for. */
  public static Tally none() {
    return new Tally();
  }

  Tally copy() {
    Tally copy = new Tally();
    copy.used = used;
    copy.found = found;
    copy.ahead = ahead;
    copy.moved = moved;
    copy.wasted = wasted;
    copy.waitedNanos = waitedNanos;
    copy.readingNanos = readingNanos;
    return copy;
  }

  /** Experts that layers asked for. */
  public long used() {
    return used;
  }

  /** Those that lay in memory. */
  public long found() {
    return found;
  }

  /** Those that were being read ahead, or had been. */
  public long ahead() {
    return ahead;
  }

  /** Bytes read. */
  public long moved() {
    return moved;
  }

  /** Bytes read ahead in vain. */
  public long wasted() {
    return wasted;
  }

  /** How long passes stood still. */
  public long waitedNanos() {
    return waitedNanos;
  }

  /** How long at least one read was under way. */
  public long readingNanos() {
    return readingNanos;
  }
}
