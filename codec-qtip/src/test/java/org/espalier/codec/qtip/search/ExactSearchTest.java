package org.espalier.codec.qtip.search;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ExactSearchTest {

  @ParameterizedTest
  @ValueSource(doubles = {1, 0.1, 3, 100, 0})
  void findsTheWalkOfThePlainLoop(double deviation) {
    Codewords codewords = RandomCodewords.hashed(5);
    compare(codewords, RandomCodewords.gaussians(3 + 2 * 256, deviation, 17), 3);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void breaksTiesAsThePlainLoopDoes(long seed) {
    Codewords codewords = RandomCodewords.coarse(seed);
    float[] targets = RandomCodewords.gaussians(2 * 256, 1.5, seed);
    for (int i = 0; i < targets.length; i++) {
      targets[i] = Math.round(targets[i]);
    }
    compare(codewords, targets, 0);
  }

  private static void compare(Codewords codewords, float[] targets, int from) {
    ReferenceViterbi reference = ReferenceViterbi.of(codewords);
    ExactSearch search = new ExactSearch(codewords);
    int[] walk = new int[TrellisSearch.STEPS];
    for (int offset = from; offset < targets.length; offset += TrellisSearch.WEIGHTS) {
      search.search(targets, offset, walk);
      assertArrayEquals(reference.search(targets, offset, TrellisSearch.STEPS), walk);
    }
  }
}
