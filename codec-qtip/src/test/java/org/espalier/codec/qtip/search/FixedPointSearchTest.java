package org.espalier.codec.qtip.search;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FixedPointSearchTest {

  @ParameterizedTest
  @ValueSource(doubles = {1, 0.1, 3, 100, 1e20, 0})
  void findsTheWalkOfItsScalarTwin(double deviation) {
    Codewords codewords = RandomCodewords.hashed(6);
    compare(codewords, RandomCodewords.gaussians(3 + 2 * 256, deviation, 18), 3);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void breaksTiesAsItsScalarTwinDoes(long seed) {
    Codewords codewords = RandomCodewords.coarse(seed);
    float[] targets = RandomCodewords.gaussians(2 * 256, 1.5, seed);
    for (int i = 0; i < targets.length; i++) {
      targets[i] = Math.round(targets[i]);
    }
    compare(codewords, targets, 0);
  }

  private static void compare(Codewords codewords, float[] targets, int from) {
    FixedPointSearch search = new FixedPointSearch(codewords);
    int[] walk = new int[TrellisSearch.STEPS];
    for (int offset = from; offset < targets.length; offset += TrellisSearch.WEIGHTS) {
      search.search(targets, offset, walk);
      assertArrayEquals(twin(codewords, targets, offset), walk);
    }
  }

  /** The same whole numbers, state by state, without vectors, mirrors or packing. */
  private static int[] twin(Codewords codewords, float[] targets, int offset) {
    int groups = 4096;
    long[] costs = new long[groups];
    int[][] predecessors = new int[TrellisSearch.STEPS][groups];
    for (int step = 0; step < TrellisSearch.STEPS; step++) {
      float f0 = FixedPointSearch.factor(targets[offset + 2 * step]);
      float f1 = FixedPointSearch.factor(targets[offset + 2 * step + 1]);
      long[] next = new long[groups];
      for (int group = 0; group < groups; group++) {
        next[group] = Long.MAX_VALUE;
        for (int branch = 0; branch < 16; branch++) {
          int state = branch << 12 | group;
          float sum =
              Math.fma(
                  codewords.first(state),
                  f0,
                  Math.fma(codewords.second(state), f1, FixedPointSearch.norm(codewords, state)));
          int units = Float.floatToRawIntBits(sum) - FixedPointSearch.BIAS & ~15;
          long cost = units + costs[branch << 8 | group >>> 4];
          if (cost < next[group]) {
            next[group] = cost;
            predecessors[step][group] = branch;
          }
        }
      }
      costs = next;
    }
    int best = -1;
    long least = Long.MAX_VALUE;
    for (int group = 0; group < groups; group++) {
      int state = predecessors[TrellisSearch.STEPS - 1][group] << 12 | group;
      if (costs[group] < least || costs[group] == least && state < best) {
        least = costs[group];
        best = state;
      }
    }
    int[] walk = new int[TrellisSearch.STEPS];
    walk[TrellisSearch.STEPS - 1] = best;
    for (int step = TrellisSearch.STEPS - 2; step >= 0; step--) {
      int group = walk[step + 1] >>> 4;
      walk[step] = predecessors[step][group] << 12 | group;
    }
    return walk;
  }
}
