package org.espalier.runtime.evaluation.routing;

/** Which expert leaves a full cache. */
public enum CachePolicy {
  /** The one that was not used for the longest time. */
  LRU,

  /** The one that was used least often in all; of equal ones the least recently used. */
  FREQUENCY,

  /**
   * The most stale one: that which its own layer has passed over most often since it was last used.
   * Of equal ones that whose layer comes up last. Within one layer this is {@link #LRU}; in a cache
   * that all layers share, an expert of a layer that is still to come does not look old only
   * because a token takes the layers in turn.
   */
  LEAST_STALE
}
