package org.espalier.runtime.evaluation.routing;

/**
 * How a cache of experts would have fared, empty at first, token by token.
 *
 * @param expertsPerLayer its room, divided by the number of layers
 * @param accesses expert evaluations
 * @param hits those whose expert was there
 */
public record CacheResult(
    CacheScope scope, CachePolicy policy, int expertsPerLayer, long accesses, long hits) {

  /** Share of evaluations whose expert was there. */
  public double hitRate() {
    return accesses == 0 ? 0 : (double) hits / accesses;
  }
}
