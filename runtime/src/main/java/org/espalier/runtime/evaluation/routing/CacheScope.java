package org.espalier.runtime.evaluation.routing;

/** Who shares the room of a cache. */
public enum CacheScope {
  /** Every layer has its own. */
  PER_LAYER,
  /** All layers share one of the same size in all. */
  SHARED
}
