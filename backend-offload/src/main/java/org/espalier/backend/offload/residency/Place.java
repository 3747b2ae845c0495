package org.espalier.backend.offload.residency;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One place and what lies in it. Guarded by the lock of {@link ExpertResidency}. */
final class Place {
  static final int NOBODY = -1;

  final Places places;
  final int index;

  /** Who lies here, or is on the way here; {@link #NOBODY} also while a dropped read ends. */
  int key = NOBODY;

  /** Reads that have not ended. */
  final List<Fill> pending = new ArrayList<>();

  @Nullable RuntimeException failure;

  /** Whether a loan counts on it. */
  boolean pinned;

  /** Whether it is meant for the layer whose turn comes next. */
  boolean reserved;

  /** Bytes that were read into it ahead and that nobody has asked for yet. */
  long aheadBytes;

  Place(Places places, int index) {
    this.places = places;
    this.index = index;
  }

  boolean isLoading() {
    return !pending.isEmpty();
  }

  boolean isReady() {
    return key != NOBODY && pending.isEmpty() && failure == null;
  }

  boolean isFree() {
    return !pinned && pending.isEmpty();
  }
}
