package org.espalier.runtime.synthesis;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.random.RandomGenerator;
import org.espalier.api.tensor.StorageType;

/**
 * A tensor to be filled with random numbers, in pieces that do not depend on each other.
 *
 * @param units into which it can be cut
 * @param unitBytes bytes of each
 * @param filler what the units are filled with
 */
record SyntheticTensor(
    String name, StorageType type, List<Long> shape, long units, int unitBytes, Filler filler) {
  SyntheticTensor {
    shape = List.copyOf(shape);
  }

  long bytes() {
    return units * unitBytes;
  }

  /** Fills some units. Safe to call from many threads at once. */
  @FunctionalInterface
  interface Filler {
    void fill(RandomGenerator random, int units, MemorySegment target);
  }
}
