package org.espalier.runtime.evaluation.routing;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** One kind and size of cache, over all layers. */
final class CacheSimulation {
  private final CacheScope scope;
  private final CachePolicy policy;
  private final int expertsPerLayer;
  private final List<ExpertCache> caches = new ArrayList<>();

  CacheSimulation(
      CacheScope scope, CachePolicy policy, int layers, int experts, int expertsPerLayer) {
    this.scope = scope;
    this.policy = policy;
    this.expertsPerLayer = expertsPerLayer;
    switch (scope) {
      case PER_LAYER -> {
        for (int layer = 0; layer < layers; layer++) {
          caches.add(new ExpertCache(policy, 1, experts, expertsPerLayer));
        }
      }
      case SHARED ->
          caches.add(
              new ExpertCache(
                  policy, layers, experts, Math.multiplyExact(layers, expertsPerLayer)));
    }
  }

  /** Every kind for every size. */
  static List<CacheSimulation> all(int layers, int experts, List<Integer> sizes) {
    return Arrays.stream(CacheScope.values())
        .flatMap(scope ->
            Arrays.stream(CachePolicy.values())
                .flatMap(policy ->
                    sizes.stream()
                        .map(size -> new CacheSimulation(scope, policy, layers, experts, size))))
        .toList();
  }

  void use(int layer, int[] experts) {
    switch (scope) {
      case PER_LAYER -> caches.get(layer).use(0, experts);
      case SHARED -> caches.getFirst().use(layer, experts);
    }
  }

  CacheResult result() {
    return new CacheResult(
        scope,
        policy,
        expertsPerLayer,
        caches.stream().mapToLong(ExpertCache::accesses).sum(),
        caches.stream().mapToLong(ExpertCache::hits).sum());
  }
}
