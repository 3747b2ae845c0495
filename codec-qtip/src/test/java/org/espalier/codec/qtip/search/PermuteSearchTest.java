package org.espalier.codec.qtip.search;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs on any machine: vectors that it lacks are emulated, slowly. */
class PermuteSearchTest {

  @ParameterizedTest
  @ValueSource(doubles = {1, 0.1, 3, 100, 1e20, 0})
  void findsTheWalkOfItsScalarTwin(double deviation) {
    Codewords codewords = RandomCodewords.hashed(7);
    float[] targets = RandomCodewords.gaussians(3 + 2 * 256, deviation, 19);
    PermuteSearch search = new PermuteSearch(codewords);
    int[] walk = new int[TrellisSearch.STEPS];
    for (int offset = 3; offset < targets.length; offset += TrellisSearch.WEIGHTS) {
      search.search(targets, offset, walk);
      assertArrayEquals(twin(codewords, targets, offset), walk);
    }
  }

  @Test
  void tiesAndSaturation() {
    Codewords codewords = RandomCodewords.hashed(8);
    float[] targets = new float[256];
    for (int i = 0; i < targets.length; i++) {
      // Long runs of one value, then a jump to the other end.
      targets[i] = i / 32 % 2 == 0 ? 8 : -8;
    }
    int[] walk = new int[TrellisSearch.STEPS];
    new PermuteSearch(codewords).search(targets, 0, walk);
    assertArrayEquals(twin(codewords, targets, 0), walk);
  }

  @Test
  void unitsShrinkForOutliers() {
    float[] targets = new float[257];
    assertEquals(256, PermuteSearch.units(targets, 1));
    targets[5] = -8;
    assertEquals(256, PermuteSearch.units(targets, 1));
    targets[256] = 8.1f;
    assertEquals(128, PermuteSearch.units(targets, 1));
    targets[256] = 1e30f;
    assertEquals(2, PermuteSearch.units(targets, 1));
  }

  @Test
  void otherCodewordsAreRefused() {
    Codewords codewords = RandomCodewords.coarse(1);
    assertThrows(IllegalArgumentException.class, () -> new PermuteSearch(codewords));
  }

  /** The same whole numbers, state by state, in the order of branches. */
  private static int[] twin(Codewords codewords, float[] targets, int offset) {
    float units = PermuteSearch.units(targets, offset);
    int groups = 4096;
    int[] costs = new int[groups];
    int[][] predecessors = new int[TrellisSearch.STEPS][groups];
    int[] minima = new int[groups];
    for (int step = 0; step < TrellisSearch.STEPS; step++) {
      int[] errors =
          errors(
              codewords,
              PermuteSearch.limited(targets[offset + 2 * step]),
              PermuteSearch.limited(targets[offset + 2 * step + 1]),
              units);
      int lowest = 0xFFFF;
      for (int group = 0; group < groups; group++) {
        minima[group] = 0xFFFF;
        for (int branch = 0; branch < 16; branch++) {
          int error = errors[branch << 12 | group];
          int cost = Math.min(0xFFFF, error + costs[branch << 8 | group >>> 4] + branch);
          minima[group] = Math.min(minima[group], cost);
        }
        predecessors[step][group] = minima[group] & 15;
        lowest = Math.min(lowest, minima[group]);
      }
      for (int group = 0; group < groups; group++) {
        costs[group] = (minima[group] & ~15) - (lowest & ~15);
      }
    }
    int best = 0;
    for (int group = 0; group < groups; group++) {
      best = minima[group] < minima[best] ? group : best;
    }
    int[] walk = new int[TrellisSearch.STEPS];
    int state = (minima[best] & 15) << 12 | best;
    for (int step = TrellisSearch.STEPS - 1; step >= 0; step--) {
      walk[step] = state;
      if (step > 0) {
        state = predecessors[step - 1][state >>> 4] << 12 | state >>> 4;
      }
    }
    return walk;
  }

  private static int[] errors(Codewords codewords, float a0, float a1, float units) {
    float[] distances = new float[Codewords.STATES];
    float least = Float.POSITIVE_INFINITY;
    for (int state = 0; state < Codewords.STATES; state++) {
      float d0 = codewords.first(state) - a0;
      float d1 = codewords.second(state) - a1;
      distances[state] = Math.fma(d0, d0, d1 * d1);
      least = Math.min(least, distances[state]);
    }
    int[] errors = new int[Codewords.STATES];
    for (int state = 0; state < Codewords.STATES; state++) {
      float limited = Math.min((distances[state] - least) * units, PermuteSearch.LARGEST_ERROR);
      errors[state] = 16 * (int) Math.rint(limited);
    }
    return errors;
  }
}
