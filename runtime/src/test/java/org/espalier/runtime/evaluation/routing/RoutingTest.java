package org.espalier.runtime.evaluation.routing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.runtime.Model;
import org.espalier.runtime.evaluation.HistoryModel;
import org.espalier.runtime.evaluation.Progress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class RoutingTest {
  private static final HistoryModel MODEL = HistoryModel.PLAIN;
  private static final int[] TEXT = HistoryModel.text(100);

  private static RoutingResult measure(int batch, int window, List<Integer> sizes) {
    RoutingObserver observer = new RoutingObserver();
    try (Model model = MODEL.open(batch, observer)) {
      return Routing.measure(model, observer, TEXT, window, 0, sizes, Progress.NONE);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 32, 64})
  void everyChoiceIsCounted(int batch) {
    RoutingResult result = measure(batch, 32, List.of());
    assertEquals(3, result.windows());
    assertEquals(HistoryModel.LAYERS, result.layers().size());
    for (LayerLoad load : result.layers()) {
      long[] expected = new long[HistoryModel.EXPERTS];
      double[] weights = new double[HistoryModel.EXPERTS];
      for (int i = 0; i < 96; i++) {
        int[] experts = MODEL.experts(load.layer(), TEXT[i]);
        expected[experts[0]]++;
        expected[experts[1]]++;
        weights[experts[0]] += 0.5;
        weights[experts[1]] += 0.25;
      }
      for (int expert = 0; expert < expected.length; expert++) {
        assertEquals(expected[expert], load.counts().get(expert));
        assertEquals(weights[expert], load.weights().get(expert), 1e-9);
      }
      assertEquals(192, load.total());
    }
    assertEquals(measure(64, 32, List.of()).caches(), result.caches());
  }

  @Test
  void loadsAreDescribed() {
    LayerLoad load = new LayerLoad(0, List.of(6L, 2L, 0L, 0L), List.of(1., 1., 0., 0.));
    assertEquals(3, load.imbalance(), 1e-12); // 0.75 of all where a quarter is fair
    assertEquals(0.75, load.greatest());
    assertEquals(0, load.least());
    assertEquals(2, load.unused());
    // Relative loads 3, 1, 0, 0: squared deviations 4, 0, 1, 1.
    assertEquals(Math.sqrt(1.5), load.variation(), 1e-12);
    double entropy = -(0.75 * Math.log(0.75) + 0.25 * Math.log(0.25));
    assertEquals(Math.exp(entropy), load.effectiveExperts(), 1e-12);
    LayerLoad even = new LayerLoad(0, List.of(5L, 5L), List.of(1., 1.));
    assertEquals(1, even.imbalance());
    assertEquals(0, even.variation());
    assertEquals(2, even.effectiveExperts(), 1e-12);
  }

  /** One layer, one expert at a time: sequences that can be followed by hand. */
  private static long hits(CachePolicy policy, int room, int... sequence) {
    ExpertCache cache = new ExpertCache(policy, 1, 10, room);
    for (int expert : sequence) {
      cache.use(0, new int[] {expert});
    }
    assertEquals(sequence.length, cache.accesses());
    return cache.hits();
  }

  @Test
  void policiesByHand() {
    // Of 1 2 3 1 2 3 in two places LRU always drops the one that comes next.
    assertEquals(0, hits(CachePolicy.LRU, 2, 1, 2, 3, 1, 2, 3));
    // 1 and 1 again; then 2 3 2 3 fight for the other place as 1 is more frequent; 1 hits at last.
    assertEquals(3, hits(CachePolicy.FREQUENCY, 2, 1, 1, 1, 2, 3, 1));
    assertEquals(2, hits(CachePolicy.LRU, 2, 1, 1, 1, 2, 3, 1));
    // In one layer the most stale expert is the least recently used one.
    assertEquals(2, hits(CachePolicy.LEAST_STALE, 2, 1, 1, 1, 2, 3, 1));
    assertEquals(4, hits(CachePolicy.LRU, 3, 1, 2, 3, 1, 2, 4, 1, 2));
  }

  @Test
  void aSharedCacheSeesLayersInTurn() {
    // Two layers, the same expert each time, room for one of each: all but the first two hit.
    for (CachePolicy policy : CachePolicy.values()) {
      assertEquals(8, alternating(policy, 2), policy.name());
    }
    // Room for one only: LRU and frequency keep the wrong one; so does any other.
    assertEquals(0, alternating(CachePolicy.LRU, 1));
    // Three layers and room for two: LRU drops exactly what the next layer needs; the least stale
    // keeps what is still to come.
    assertEquals(0, cyclic(CachePolicy.LRU));
    assertTrue(cyclic(CachePolicy.LEAST_STALE) > 5, "hits " + cyclic(CachePolicy.LEAST_STALE));
  }

  private static long alternating(CachePolicy policy, int room) {
    ExpertCache cache = new ExpertCache(policy, 2, 4, room);
    for (int token = 0; token < 5; token++) {
      cache.use(0, new int[] {1});
      cache.use(1, new int[] {3});
    }
    return cache.hits();
  }

  private static long cyclic(CachePolicy policy) {
    ExpertCache cache = new ExpertCache(policy, 3, 4, 2);
    for (int token = 0; token < 10; token++) {
      for (int layer = 0; layer < 3; layer++) {
        cache.use(layer, new int[] {0});
      }
    }
    return cache.hits();
  }

  /** LRU with a list instead of clocks. */
  @Test
  void lruAgainstAList() {
    Random random = new Random(5);
    for (int room : new int[] {1, 2, 3, 5, 8}) {
      ExpertCache cache = new ExpertCache(CachePolicy.LRU, 2, 6, room);
      List<Integer> recent = new ArrayList<>();
      long hits = 0;
      for (int token = 0; token < 200; token++) {
        for (int layer = 0; layer < 2; layer++) {
          List<Integer> all = new ArrayList<>(IntStream.range(0, 6).boxed().toList());
          Collections.shuffle(all, random);
          Set<Integer> chosen = new LinkedHashSet<>(all.subList(0, Math.min(2, room)));
          int offset = layer * 6;
          List<Integer> keys = chosen.stream().map(expert -> offset + expert).toList();
          hits += keys.stream().filter(recent::contains).count();
          recent.removeAll(keys);
          // What is needed at once has one age: of equal ones the places decide, so keep order.
          keys.forEach(key -> recent.addFirst(key));
          while (recent.size() > room) {
            recent.removeLast();
          }
          cache.use(layer, chosen.stream().mapToInt(Integer::intValue).toArray());
        }
      }
      // Ties among equals of one step may fall differently: only sizes without them are exact.
      if (room != 3 && room != 5) {
        assertEquals(hits, cache.hits(), "room " + room);
      } else {
        assertEquals(hits, cache.hits(), 0.1 * hits, "room " + room);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void aCacheOfEverythingMissesEachExpertOnce(CachePolicy policy) {
    RoutingResult result = measure(64, 32, List.of(1, HistoryModel.EXPERTS));
    long chosen =
        result.layers().stream().mapToLong(load -> load.counts().size() - load.unused()).sum();
    for (CacheResult cache : result.caches()) {
      assertEquals(96L * HistoryModel.LAYERS * HistoryModel.USED, cache.accesses());
      if (cache.policy() == policy && cache.expertsPerLayer() == HistoryModel.EXPERTS) {
        assertEquals(chosen, cache.accesses() - cache.hits());
      }
      assertTrue(cache.hitRate() >= 0 && cache.hitRate() < 1);
    }
    assertEquals(12, result.caches().size());
  }

  @Test
  void expertsHaveASize() {
    // Three matrices of 4 × 4 in F32.
    assertEquals(3 * 16 * 4, measure(64, 32, List.of()).expertBytes());
  }

  @Test
  void impossibleSizesAreRefused() {
    for (List<Integer> sizes : List.of(List.of(0), List.of(HistoryModel.EXPERTS + 1))) {
      assertThrows(InvalidRequest.class, () -> measure(64, 32, sizes));
    }
    assertThrows(InvalidRequest.class, () -> measure(64, 101, List.of()));
    assertThrows(InvalidRequest.class, () -> measure(64, 0, List.of()));
  }

  @Test
  void thePictureIsXmlWithACellPerExpert() {
    RoutingResult result = measure(64, 32, List.of());
    String svg = HeatMap.svg(result, "<a & b>", "100 % of \"it\"");
    assertTrue(svg.contains("&lt;a &amp; b&gt;"), svg);
    assertEquals(HistoryModel.LAYERS * HistoryModel.EXPERTS, svg.split("<title>", -1).length - 1);
    int depth = 0;
    for (int at = svg.indexOf('<'); at >= 0; at = svg.indexOf('<', at + 1)) {
      String tag = svg.substring(at, svg.indexOf('>', at) + 1);
      depth += tag.startsWith("</") ? -1 : tag.endsWith("/>") ? 0 : 1;
      assertTrue(depth >= 0, tag);
    }
    assertEquals(0, depth, "every element is closed");
  }
}
