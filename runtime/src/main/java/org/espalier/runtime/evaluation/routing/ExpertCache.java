package org.espalier.runtime.evaluation.routing;

import java.util.Arrays;

/** A cache of experts, simulated: it knows which are there and holds nothing. */
final class ExpertCache {
  private static final int EMPTY = -1;

  private final CachePolicy policy;
  private final int layers;
  private final int experts;

  /** Keys of what is there; a key is layer · experts + expert. */
  private final int[] slots;

  private final int[] slotOf;
  private final long[] lastUse;
  private final long[] uses;
  private final long[] lastTurn;

  /** How many tokens each layer has seen. */
  private final long[] turns;

  private long clock;
  private long accesses;
  private long hits;

  /**
   * An empty one.
   *
   * @param layers that share it
   * @param experts of each layer
   * @param room experts that it holds
   */
  ExpertCache(CachePolicy policy, int layers, int experts, int room) {
    this.policy = policy;
    this.layers = layers;
    this.experts = experts;
    this.slots = new int[Math.min(room, layers * experts)];
    this.slotOf = new int[layers * experts];
    this.lastUse = new long[layers * experts];
    this.uses = new long[layers * experts];
    this.lastTurn = new long[layers * experts];
    this.turns = new long[layers];
    Arrays.fill(slots, EMPTY);
    Arrays.fill(slotOf, EMPTY);
  }

  /** A token is at a layer and needs some experts, all at once. */
  void use(int layer, int[] chosen) {
    turns[layer]++;
    clock++;
    for (int expert : chosen) {
      int key = layer * experts + expert;
      lastUse[key] = clock;
      lastTurn[key] = turns[layer];
      uses[key]++;
      accesses++;
      if (slotOf[key] != EMPTY) {
        hits++;
      }
    }
    for (int expert : chosen) {
      int key = layer * experts + expert;
      if (slotOf[key] == EMPTY) {
        place(key, layer);
      }
    }
  }

  private void place(int key, int layer) {
    int slot = 0;
    for (int candidate = 0; candidate < slots.length; candidate++) {
      if (slots[candidate] == EMPTY) {
        slot = candidate;
        break;
      }
      if (leavesBefore(slots[candidate], slots[slot], layer)) {
        slot = candidate;
      }
    }
    if (slots[slot] != EMPTY) {
      slotOf[slots[slot]] = EMPTY;
    }
    slots[slot] = key;
    slotOf[key] = slot;
  }

  /** Whether key {@code a} leaves before key {@code b}; what is in use now leaves last. */
  private boolean leavesBefore(int a, int b, int layer) {
    boolean inUse = lastUse[a] == clock;
    if (inUse != (lastUse[b] == clock)) {
      return !inUse;
    }
    return switch (policy) {
      case LRU -> lastUse[a] < lastUse[b];
      case FREQUENCY -> uses[a] < uses[b] || (uses[a] == uses[b] && lastUse[a] < lastUse[b]);
      case LEAST_STALE -> {
        long staleA = staleness(a);
        long staleB = staleness(b);
        yield staleA > staleB || (staleA == staleB && untilTurn(a, layer) > untilTurn(b, layer));
      }
    };
  }

  private long staleness(int key) {
    return turns[key / experts] - lastTurn[key];
  }

  /** Layers until the turn of a key's own comes again, from 1. */
  private int untilTurn(int key, int layer) {
    return Math.floorMod(key / experts - layer - 1, layers) + 1;
  }

  long accesses() {
    return accesses;
  }

  long hits() {
    return hits;
  }
}
