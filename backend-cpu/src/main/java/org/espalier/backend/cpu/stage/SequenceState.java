package org.espalier.backend.cpu.stage;

import org.espalier.api.backend.CacheTypes;
import org.jspecify.annotations.Nullable;

/** What a session remembers: a cache for each attention stage of the plan, and its position. */
public final class SequenceState {
  private final @Nullable KeyValueCache[] caches;
  private final CacheTypes types;
  private int position;

  /** Nothing yet. */
  public SequenceState(CompiledStages stages, CacheTypes types) {
    caches = stages.newCaches(types);
    this.types = types;
  }

  /** Positions seen so far. */
  public int position() {
    return position;
  }

  /** Moves on after a pass. */
  public void advance(int count) {
    position += count;
  }

  /** Forgets positions from the given one on; their memory stays for those that follow. */
  public void truncate(int to) {
    position = to;
  }

  /**
   * Takes over the first positions of another state of the same stages. There must be room.
   *
   * @return false where the caches are of another type; nothing has changed then
   */
  public boolean copyFrom(SequenceState other, int positions) {
    if (!types.equals(other.types)) {
      return false;
    }
    for (int stage = 0; stage < caches.length; stage++) {
      KeyValueCache cache = caches[stage];
      if (cache != null) {
        cache.copyFrom(other.cache(stage), positions);
      }
    }
    position = positions;
    return true;
  }

  /** Gives all memory back. */
  public void release() {
    position = 0;
    for (KeyValueCache cache : caches) {
      if (cache != null) {
        cache.release();
      }
    }
  }

  KeyValueCache cache(int stage) {
    KeyValueCache cache = caches[stage];
    if (cache == null) {
      throw new IllegalStateException("stage " + stage + " has no cache");
    }
    return cache;
  }

  /** Makes room in all caches. */
  public void reserve(int length) {
    for (KeyValueCache cache : caches) {
      if (cache != null) {
        cache.reserve(length);
      }
    }
  }
}
