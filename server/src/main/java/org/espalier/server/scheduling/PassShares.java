package org.espalier.server.scheduling;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Who gets how many rows of the next pass. Texts that are being drawn get the one that they need;
 * prompts share the rest evenly, and those that need less than their share leave it to the others.
 * While others draw, prompts get only as many rows as a short pass takes, so that no stream falters
 * when a long prompt arrives.
 */
final class PassShares {
  /** A pass that others wait for should not take longer than this. */
  private static final long SHORT_PASS_NANOS = 250_000_000;

  private static final int FEWEST_READING_ROWS = 16;

  /** Rows of logits that a pass gives at most; a vocabulary of 50,000 makes each 200 kB. */
  private static final int MOST_SCORED_ROWS = 64;

  private final int batch;
  private double nanosPerRow;

  PassShares(int batch) {
    this.batch = batch;
  }

  /** One text's share. */
  record Share(Sequence sequence, int rows) {}

  /**
   * Divides a pass among texts, of which there are no more than a pass has rows.
   *
   * @param wanted the most rows that each can use
   */
  List<Share> divide(List<Share> wanted) {
    List<Share> shares = new ArrayList<>();
    List<Share> reading = new ArrayList<>();
    for (Share share : wanted) {
      (share.sequence.isReading() ? reading : shares).add(share);
    }
    int room = batch - shares.size();
    addReading(shares, reading, shares.isEmpty() ? room : Math.min(room, shortPassRows()));
    return shares;
  }

  private void addReading(List<Share> shares, List<Share> reading, int rows) {
    reading.sort(Comparator.comparingInt(Share::rows));
    int room = rows;
    int scored = MOST_SCORED_ROWS;
    for (int i = 0; i < reading.size() && room > 0; i++) {
      Sequence sequence = reading.get(i).sequence;
      int share = Math.max(1, room / (reading.size() - i));
      int most = sequence.isScoring() ? Math.min(share, scored) : share;
      int given = Math.min(reading.get(i).rows, most);
      if (given > 0) {
        shares.add(new Share(sequence, given));
        room -= given;
        scored -= sequence.isScoring() ? given : 0;
      }
    }
  }

  private int shortPassRows() {
    if (nanosPerRow == 0) {
      return FEWEST_READING_ROWS;
    }
    return (int) Math.max(FEWEST_READING_ROWS, Math.min(batch, SHORT_PASS_NANOS / nanosPerRow));
  }

  /** Learns how long a pass took. */
  void took(int rows, long nanos) {
    double measured = (double) nanos / rows;
    nanosPerRow = nanosPerRow == 0 ? measured : 0.8 * nanosPerRow + 0.2 * measured;
  }
}
