package org.espalier.runtime.tokenizer;

import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * The pairs of tokens that may be joined, with their ranks: the lower the rank, the earlier.
 * Immutable once built.
 */
final class Merges {
  /** The rank of a pair that may not be joined: higher than any other. */
  static final int NONE = Integer.MAX_VALUE;

  private static final long EMPTY = -1;

  private final long[] pairs;
  private final int[] ranks;
  private final int[] joined;
  private final int mask;

  /** So that no file can choose pairs that all go to one place. */
  private final long salt = new SplittableRandom().nextLong();

  /**
   * Builds the table.
   *
   * @param left by rank: the id of the first half
   * @param right by rank: the id of the second half
   * @param joined by rank: the id of the whole
   * @param lastCounts of a pair that is listed twice, whether the later rank counts
   */
  Merges(int[] left, int[] right, int[] joined, boolean lastCounts) {
    int capacity = Math.max(4, Integer.highestOneBit(Math.max(1, left.length)) << 2);
    this.mask = capacity - 1;
    this.pairs = new long[capacity];
    this.ranks = new int[capacity];
    this.joined = joined.clone();
    Arrays.fill(pairs, EMPTY);
    for (int rank = 0; rank < left.length; rank++) {
      int slot = slot(pair(left[rank], right[rank]));
      if (pairs[slot] == EMPTY || lastCounts) {
        pairs[slot] = pair(left[rank], right[rank]);
        ranks[slot] = rank;
      }
    }
  }

  /** The rank of a pair, or {@link #NONE}. */
  int rank(int left, int right) {
    long pair = pair(left, right);
    int slot = slot(pair);
    return pairs[slot] == pair ? ranks[slot] : NONE;
  }

  /** The token that a pair of this rank becomes. */
  int joined(int rank) {
    return joined[rank];
  }

  private static long pair(int left, int right) {
    return (long) left << 32 | right;
  }

  /** Where the pair is, or where it would go. */
  private int slot(long pair) {
    long hash = (pair ^ salt) * 0x9E3779B97F4A7C15L;
    hash = (hash ^ hash >>> 32) * 0xD6E8FEB86659FD93L;
    int slot = (int) (hash >>> 32) & mask;
    while (pairs[slot] != EMPTY && pairs[slot] != pair) {
      slot = slot + 1 & mask;
    }
    return slot;
  }
}
