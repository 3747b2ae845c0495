package org.espalier.runtime.sampling;

import java.util.Arrays;

/** The last tokens of a sequence, and how often each of them occurs there. */
final class RecentTokens {
  private final int[] ring;
  private int[] counts = {};
  private int[] latestSlots = {};
  private int size;
  private int next;

  /** A window of so many tokens; none at all for 0. */
  RecentTokens(int window) {
    ring = new int[window];
  }

  void add(int token) {
    if (ring.length == 0) {
      return;
    }
    if (size == ring.length) {
      counts[ring[next]]--;
    } else {
      size++;
    }
    if (token >= counts.length) {
      int room = Math.max(token + 1, 2 * counts.length);
      counts = Arrays.copyOf(counts, room);
      latestSlots = Arrays.copyOf(latestSlots, room);
    }
    counts[token]++;
    latestSlots[token] = next;
    ring[next] = token;
    next = next + 1 == ring.length ? 0 : next + 1;
  }

  /** Slots of the window that hold a token. */
  int size() {
    return size;
  }

  /** The token in a slot; slots have no particular order. */
  int token(int slot) {
    return ring[slot];
  }

  /** True for exactly one slot of every token in the window. */
  boolean isLatestOccurrence(int slot) {
    return latestSlots[ring[slot]] == slot;
  }

  /** How often a token occurs in the window. */
  int count(int token) {
    return counts[token];
  }
}
