package org.espalier.runtime.evaluation.routing;

import java.util.List;

/**
 * How a model routed a text.
 *
 * @param window tokens per window
 * @param windows how many
 * @param experts of each layer
 * @param used experts per token and layer
 * @param expertBytes bytes of one expert's weights, on average over the layers
 * @param layers each layer with experts, in order
 * @param caches what caches of experts would have made of it
 */
public record RoutingResult(
    int window,
    int windows,
    int experts,
    int used,
    long expertBytes,
    List<LayerLoad> layers,
    List<CacheResult> caches) {
  public RoutingResult {
    layers = List.copyOf(layers);
    caches = List.copyOf(caches);
  }
}
