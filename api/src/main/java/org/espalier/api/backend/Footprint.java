package org.espalier.api.backend;

/**
 * Memory, in bytes.
 *
 * @param mapped read in place from the file
 * @param weights copies and repacked forms of weights
 * @param cache key–value cache of one session
 * @param scratch activations
 */
public record Footprint(long mapped, long weights, long cache, long scratch) {
  /** Everything, mapped pages included. */
  public long total() {
    return mapped + weights + cache + scratch;
  }
}
