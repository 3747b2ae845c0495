package org.espalier.codec.qtip.search;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** On trellises so small that every walk can be tried. */
class ReferenceViterbiTest {

  @ParameterizedTest
  @CsvSource({"4,2,4,1", "4,1,8,2", "6,2,4,3", "3,1,9,4", "4,2,5,5", "2,2,4,6", "5,1,6,7"})
  void findsWhatBruteForceFinds(int stateBits, int codeBits, int steps, long seed) {
    Random random = new Random(seed);
    int states = 1 << stateBits;
    float[] first = gaussians(random, states);
    float[] second = gaussians(random, states);
    ReferenceViterbi viterbi = new ReferenceViterbi(stateBits, codeBits, first, second);
    for (int round = 0; round < 20; round++) {
      float[] targets = gaussians(random, 2 * steps);
      assertArrayEquals(
          bruteForce(viterbi, stateBits, codeBits, targets, steps),
          viterbi.search(targets, 0, steps));
    }
  }

  /** Small whole numbers are added exactly, so that walks of equal error abound. */
  @ParameterizedTest
  @CsvSource({"4,2,5,11", "4,1,8,12", "3,1,8,13"})
  void leastErrorDespiteTies(int stateBits, int codeBits, int steps, long seed) {
    Random random = new Random(seed);
    int states = 1 << stateBits;
    float[] first = wholes(random, states);
    float[] second = wholes(random, states);
    ReferenceViterbi viterbi = new ReferenceViterbi(stateBits, codeBits, first, second);
    for (int round = 0; round < 20; round++) {
      float[] targets = wholes(random, 2 * steps);
      int[] expected = bruteForce(viterbi, stateBits, codeBits, targets, steps);
      int[] walk = viterbi.search(targets, 0, steps);
      assertEquals(error(viterbi, expected, targets), error(viterbi, walk, targets));
      for (int step = 1; step < steps; step++) {
        assertEquals(walk[step - 1] << codeBits & states - 1, walk[step] & -(1 << codeBits));
      }
    }
  }

  private static int[] bruteForce(
      ReferenceViterbi viterbi, int stateBits, int codeBits, float[] targets, int steps) {
    long walks = 1L << stateBits + codeBits * (steps - 1);
    int[] best = new int[steps];
    float least = Float.POSITIVE_INFINITY;
    int[] walk = new int[steps];
    for (long bits = 0; bits < walks; bits++) {
      for (int step = 0; step < steps; step++) {
        walk[step] = (int) (bits >>> codeBits * (steps - 1 - step)) & (1 << stateBits) - 1;
      }
      float error = error(viterbi, walk, targets);
      if (error < least) {
        least = error;
        best = walk.clone();
      }
    }
    return best;
  }

  /** Summed from the front, as the algorithm does. */
  private static float error(ReferenceViterbi viterbi, int[] walk, float[] targets) {
    float sum = 0;
    for (int step = 0; step < walk.length; step++) {
      sum += viterbi.error(walk[step], targets[2 * step], targets[2 * step + 1]);
    }
    return sum;
  }

  private static float[] gaussians(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static float[] wholes(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextInt(-2, 3);
    }
    return values;
  }
}
