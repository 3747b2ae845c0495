package org.espalier.server.scheduling;

import java.util.concurrent.atomic.LongAdder;

/** What has been done so far, and what is being done now. Read by any thread. */
public final class Counters {
  /** Prompt positions that went through the model. */
  public final LongAdder promptTokens = new LongAdder();

  /** Prompt positions that an earlier text had left behind. */
  public final LongAdder reusedTokens = new LongAdder();

  /** Tokens drawn. */
  public final LongAdder drawnTokens = new LongAdder();

  /** Forward passes. */
  public final LongAdder passes = new LongAdder();

  /** Positions that went through the model in them. */
  public final LongAdder passRows = new LongAdder();

  /** Time in them. */
  public final LongAdder passNanos = new LongAdder();

  /** Texts that came to an end of their own. */
  public final LongAdder completed = new LongAdder();

  /** Texts that nobody waited for any more. */
  public final LongAdder cancelled = new LongAdder();

  /** Submissions that failed. */
  public final LongAdder failed = new LongAdder();

  /** Submissions that were refused for want of room. */
  public final LongAdder refused = new LongAdder();

  private volatile int active;
  private volatile int kept;
  private volatile long positions;

  /** Nothing yet. */
  public Counters() {}

  void now(int activeTexts, int keptSessions, long usedPositions) {
    active = activeTexts;
    kept = keptSessions;
    positions = usedPositions;
  }

  /** Texts being generated. */
  public int active() {
    return active;
  }

  /** Sessions kept for a prompt that begins as they do. */
  public int kept() {
    return kept;
  }

  /** Positions of key–value caches that are filled or spoken for. */
  public long positions() {
    return positions;
  }
}
