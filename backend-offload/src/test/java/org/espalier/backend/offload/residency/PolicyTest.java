package org.espalier.backend.offload.residency;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.espalier.backend.offload.RecordedRouting;
import org.junit.jupiter.api.Test;

/**
 * Policies compared in a simulation without disk or model: what a layer needs is a hit where it
 * lies in memory. The recorded routing is that of the demo model while it generates 362 tokens: 4
 * layers of 16 experts, 4 of them used.
 */
class PolicyTest {
  private static final int LAYERS = 4;
  private static final int EXPERTS = 16;

  /** A layer's turn. */
  private record Turn(int layer, int[] used) {}

  /** Which of two experts leaves first. */
  private interface Policy {
    void turn(Turn turn);

    boolean leavesBefore(int a, int b, int layer);
  }

  private static List<Turn> recorded() throws IOException {
    return RecordedRouting.demo().stream().map(r -> new Turn(r.layer(), r.used())).toList();
  }

  /** Hits of all uses after the first tokens, which fill the memory. */
  private static double hitRate(List<Turn> turns, int experts, int places, Policy policy) {
    Set<Integer> there = new HashSet<>();
    long hits = 0;
    long uses = 0;
    for (int t = 0; t < turns.size(); t++) {
      Turn turn = turns.get(t);
      policy.turn(turn);
      Set<Integer> needed = new HashSet<>();
      for (int expert : turn.used) {
        needed.add(turn.layer * experts + expert);
      }
      if (t > turns.size() / 10) {
        uses += needed.size();
        hits += needed.stream().filter(there::contains).count();
      }
      for (int key : needed) {
        if (there.add(key) && there.size() > places) {
          int worst =
              there.stream()
                  .filter(k -> !needed.contains(k))
                  .sorted()
                  .reduce((a, b) -> policy.leavesBefore(b, a, turn.layer) ? b : a)
                  .orElseThrow();
          there.remove(worst);
        }
      }
    }
    return (double) hits / uses;
  }

  private static Policy worth(int layers, int experts) {
    Worth worth = new Worth(layers, experts);
    return new Policy() {
      @Override
      public void turn(Turn turn) {
        worth.turn(turn.layer, turn.used, turn.used.length);
      }

      @Override
      public boolean leavesBefore(int a, int b, int layer) {
        return worth.leavesBefore(a, b, layer);
      }
    };
  }

  private static Policy leastRecentlyUsed(int layers, int experts) {
    long[] last = new long[layers * experts];
    return new Policy() {
      private long clock;

      @Override
      public void turn(Turn turn) {
        clock++;
        for (int expert : turn.used) {
          last[turn.layer * experts + expert] = clock;
        }
      }

      @Override
      public boolean leavesBefore(int a, int b, int layer) {
        return last[a] < last[b];
      }
    };
  }

  private static Policy leastOftenUsed(int layers, int experts) {
    long[] uses = new long[layers * experts];
    return new Policy() {
      @Override
      public void turn(Turn turn) {
        for (int expert : turn.used) {
          uses[turn.layer * experts + expert]++;
        }
      }

      @Override
      public boolean leavesBefore(int a, int b, int layer) {
        return uses[a] < uses[b];
      }
    };
  }

  /** What its layer has passed over most often; of equal ones the one whose turn is farthest. */
  private static Policy leastStale(int layers, int experts) {
    long[] last = new long[layers * experts];
    long[] turns = new long[layers];
    return new Policy() {
      @Override
      public void turn(Turn turn) {
        turns[turn.layer]++;
        for (int expert : turn.used) {
          last[turn.layer * experts + expert] = turns[turn.layer];
        }
      }

      @Override
      public boolean leavesBefore(int a, int b, int layer) {
        long staleA = turns[a / experts] - last[a];
        long staleB = turns[b / experts] - last[b];
        return staleA != staleB
            ? staleA > staleB
            : Math.floorMod(a / experts - layer - 1, layers)
                > Math.floorMod(b / experts - layer - 1, layers);
      }
    };
  }

  @Test
  void beatsTheOthersOnRecordedRouting() throws IOException {
    List<Turn> turns = recorded();
    int[] sizes = {8, 12, 16, 24, 32, 48};
    double[] sums = new double[4];
    for (int places : sizes) {
      double[] rates = {
        hitRate(turns, EXPERTS, places, leastRecentlyUsed(LAYERS, EXPERTS)),
        hitRate(turns, EXPERTS, places, leastOftenUsed(LAYERS, EXPERTS)),
        hitRate(turns, EXPERTS, places, leastStale(LAYERS, EXPERTS)),
        hitRate(turns, EXPERTS, places, worth(LAYERS, EXPERTS))
      };
      for (int i = 0; i < rates.length; i++) {
        sums[i] += rates[i] / sizes.length;
        assertTrue(
            rates[3] > rates[i] - 0.04, "%d places: %s".formatted(places, Arrays.toString(rates)));
      }
    }
    for (int other = 0; other < 3; other++) {
      assertTrue(sums[3] > sums[other] + 0.005, Arrays.toString(sums));
    }
  }

  /** The cyclic order of layers is LRU's worst case: the whole working set is just too large. */
  @Test
  void keepsWhatItCanWhereLruKeepsNothing() {
    List<Turn> turns = new ArrayList<>();
    for (int token = 0; token < 100; token++) {
      for (int layer = 0; layer < 4; layer++) {
        turns.add(new Turn(layer, new int[] {1, 2}));
      }
    }
    assertEquals(0, hitRate(turns, 8, 6, leastRecentlyUsed(4, 8)));
    assertTrue(hitRate(turns, 8, 6, worth(4, 8)) > 0.4);
  }

  /** Where all experts are used alike, no policy can do better than its share of the places. */
  @Test
  void getsItsShareOfUniformRouting() {
    Random random = new Random(11);
    List<Turn> turns = new ArrayList<>();
    for (int token = 0; token < 2000; token++) {
      for (int layer = 0; layer < 4; layer++) {
        turns.add(new Turn(layer, random.ints(0, 16).distinct().limit(4).sorted().toArray()));
      }
    }
    double lru = hitRate(turns, 16, 12, leastRecentlyUsed(4, 16));
    double worth = hitRate(turns, 16, 12, worth(4, 16));
    assertTrue(lru < 0.05, "LRU " + lru);
    assertTrue(worth > 0.1, "worth " + worth);
  }
}
