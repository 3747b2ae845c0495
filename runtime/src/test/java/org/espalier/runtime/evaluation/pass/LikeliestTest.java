package org.espalier.runtime.evaluation.pass;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Comparator;
import java.util.Random;
import java.util.stream.IntStream;
import org.espalier.api.EspalierException.MalformedModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LikeliestTest {
  @ParameterizedTest
  @CsvSource({"1, 1", "2, 1", "2, 2", "7, 3", "100, 1", "100, 99", "100, 100", "1000, 64"})
  void isTheBeginningOfTheSortedOrder(int count, int size) {
    Random random = new Random(count * 1000L + size);
    float[] logits = new float[count + 3];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = random.nextInt(20); // many are equal
    }
    logits[count] = 100; // takes no part
    int[] expected =
        IntStream.range(0, count)
            .boxed()
            .sorted(
                Comparator.<Integer>comparingDouble(i -> -logits[i])
                    .thenComparing(Comparator.naturalOrder()))
            .limit(size)
            .mapToInt(Integer::intValue)
            .toArray();
    assertArrayEquals(expected, Likeliest.of(logits, count, size));
    assertEquals(expected[0], LogSoftmax.greatest(logits, count));
  }

  @Test
  void logSumsOfGreatAndSmallLogits() {
    assertEquals(1000 + Math.log(2), LogSoftmax.logSum(new float[] {1000, 1000, 7}, 2), 1e-9);
    assertEquals(-1000, LogSoftmax.logSum(new float[] {-1000}, 1), 1e-9);
    assertEquals(0, LogSoftmax.logSum(new float[] {0, Float.NEGATIVE_INFINITY}, 2), 1e-12);
    assertThrows(MalformedModel.class, () -> LogSoftmax.logSum(new float[] {0, Float.NaN}, 2));
    assertThrows(
        MalformedModel.class, () -> LogSoftmax.logSum(new float[] {0, Float.POSITIVE_INFINITY}, 2));
  }
}
