package org.espalier.runtime.sampling;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.MalformedModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

final class SamplerTest {
  private static final int VOCABULARIES = 6;

  @Test
  void runsInItsModule() {
    assertTrue(Sampler.class.getModule().isNamed());
  }

  static Stream<SamplingOptions> chains() {
    Map<Integer, Float> bias = Map.of(0, 3f, 1, -5f, 2, Float.NEGATIVE_INFINITY);
    return Stream.of(
        SamplingOptions.DEFAULT,
        SamplingOptions.GREEDY,
        new SamplingOptions(1f, 0, 1f, 0f, 1f, 1f, 0f, 0f, 0, Map.of()),
        new SamplingOptions(0.7f, 0, 0.9f, 0f, 1f, 1f, 0f, 0f, 0, Map.of()),
        new SamplingOptions(1.5f, 0, 0.999f, 0f, 1f, 1f, 0f, 0f, 0, Map.of()),
        new SamplingOptions(1f, 0, 1f, 0.1f, 1f, 1f, 0f, 0f, 0, Map.of()),
        new SamplingOptions(1f, 0, 1f, 1f, 1f, 1f, 0f, 0f, 0, Map.of()),
        new SamplingOptions(1f, 0, 1f, 0f, 0.5f, 1f, 0f, 0f, 0, Map.of()),
        new SamplingOptions(1f, 0, 0.8f, 0.02f, 0.95f, 1f, 0f, 0f, 0, bias),
        new SamplingOptions(1f, 7, 1f, 0f, 0.3f, 1f, 0f, 0f, 0, Map.of()),
        new SamplingOptions(1f, 1, 1f, 0f, 1f, 1f, 0f, 0f, 0, Map.of()),
        new SamplingOptions(1f, 1_000_000, 0f, 0f, 1f, 1f, 0f, 0f, 0, Map.of()),
        new SamplingOptions(0f, 40, 0.95f, 0.05f, 1f, 1.3f, 0.5f, 0.25f, 64, bias),
        new SamplingOptions(0.8f, 40, 0.95f, 0.05f, 1f, 1.1f, 0f, 0f, 5, Map.of()),
        new SamplingOptions(0.8f, 0, 0.95f, 0.05f, 0.9f, 0.7f, -0.5f, 0.25f, -1, bias));
  }

  @ParameterizedTest
  @MethodSource("chains")
  void leavesWhatTheReferenceLeaves(SamplingOptions options) {
    for (int round = 0; round < VOCABULARIES; round++) {
      Random random = new Random(round);
      int vocabulary = 3 + random.nextInt(round < 3 ? 20 : 5000);
      int contextLength = 30;
      Sampler sampler = new Sampler(options, round, contextLength);
      List<Integer> history = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        history.add(random.nextInt(Math.min(vocabulary, 12)));
        sampler.accept(history.getLast());
      }
      int window = options.repeatLastN() < 0 ? contextLength : options.repeatLastN();
      List<Integer> recent =
          history.subList(
              history.size() - Math.min(Math.min(window, contextLength), history.size()),
              history.size());
      float[] logits = logits(random, vocabulary, 4);
      float[] shifted = new float[vocabulary + 3];
      System.arraycopy(logits, 0, shifted, 3, vocabulary);

      Map<Integer, Double> expected = ReferenceSampling.distribution(options, logits, recent);
      Map<Integer, Double> actual = probabilities(sampler.survivors(shifted, 3, vocabulary));

      assertEquals(expected.keySet(), actual.keySet());
      expected.forEach((token, p) -> assertEquals(p, actual.get(token), 2e-6, "token " + token));
      assertTrue(expected.containsKey(sampler.sample(logits, 0, vocabulary)));
    }
  }

  @ParameterizedTest
  @MethodSource("chains")
  void drawsAsOftenAsTheReferenceSays(SamplingOptions options) {
    float[] logits = logits(new Random(9), 24, 1.5);
    Map<Integer, Double> expected = ReferenceSampling.distribution(options, logits, List.of());
    Sampler sampler = new Sampler(options, 1234, 100);
    int draws = 40_000;
    Map<Integer, Integer> drawn = new HashMap<>();
    for (int i = 0; i < draws; i++) {
      drawn.merge(sampler.sample(logits, 0, logits.length), 1, Integer::sum);
    }
    assertTrue(expected.keySet().containsAll(drawn.keySet()));
    double chiSquared = 0;
    for (Map.Entry<Integer, Double> entry : expected.entrySet()) {
      double mean = entry.getValue() * draws;
      double difference = drawn.getOrDefault(entry.getKey(), 0) - mean;
      chiSquared += mean == 0 ? 0 : difference * difference / mean;
    }
    // Mean d and variance 2d: five deviations above are never chance.
    int freedom = expected.size() - 1;
    assertTrue(
        chiSquared <= freedom + 5 * Math.sqrt(2 * freedom) + 1e-6, chiSquared + " of " + freedom);
  }

  @Test
  void leavesTheLogitsAlone() {
    float[] logits = logits(new Random(3), 100, 2);
    float[] before = logits.clone();
    new Sampler(SamplingOptions.DEFAULT.forbidding(4), 1, 10).sample(logits, 0, logits.length);
    assertArrayEquals(before, logits);
  }

  @Test
  void aSeedDeterminesTheTokens() {
    float[] logits = logits(new Random(5), 1000, 1);
    assertArrayEquals(draws(logits, 42), draws(logits, 42));
    assertNotEquals(IntStream.of(draws(logits, 42)).sum(), IntStream.of(draws(logits, 43)).sum());
  }

  @Test
  void aSeedGivesTheseTokensOnEveryMachine() {
    float[] logits = new float[50];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (i * 37 % 50) / 10f;
    }
    Map<Integer, Double> distribution =
        ReferenceSampling.distribution(SamplingOptions.DEFAULT, logits, List.of());
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(7);
    Sampler sampler = new Sampler(SamplingOptions.DEFAULT, 7, 100);
    int[] drawn = IntStream.range(0, 12).map(i -> sampler.sample(logits, 0, 50)).toArray();
    int[] byHand = IntStream.range(0, 12).map(i -> walk(distribution, random)).toArray();
    assertArrayEquals(byHand, drawn);
    assertArrayEquals(new int[] {35, 31, 31, 8, 24, 9, 39, 43, 43, 4, 27, 4}, drawn);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 40})
  void tiesGoToTheLowerToken(int topK) {
    SamplingOptions greedy = new SamplingOptions(0f, topK, 1f, 0f, 1f, 1f, 0f, 0f, 0, Map.of());
    float[] logits = {-1f, 2f, -0f, 2f, 2f};
    assertEquals(1, new Sampler(greedy, 0, 10).sample(logits, 0, 5));
    float[] zeros = {-0f, 0f, -0f};
    assertEquals(0, new Sampler(greedy, 0, 10).sample(zeros, 0, 3));
    SamplingOptions two = new SamplingOptions(1f, 2, 1f, 0f, 1f, 1f, 0f, 0f, 0, Map.of());
    Candidates left = new Sampler(two, 0, 10).survivors(logits, 0, 5);
    assertEquals(2, left.size());
    assertEquals(1, left.token(0));
    assertEquals(3, left.token(1));
  }

  @Test
  void infinitiesAreExtremesAndNotErrors() {
    float infinity = Float.POSITIVE_INFINITY;
    float[] logits = {1f, infinity, -infinity, 3f, Float.MAX_VALUE};
    for (SamplingOptions options : chains().filter(o -> o.logitBias().isEmpty()).toList()) {
      assertEquals(1, new Sampler(options, 0, 10).sample(logits, 0, 5), options.toString());
    }
  }

  @Test
  void aTemperatureNearZeroIsGreedy() {
    SamplingOptions cold =
        new SamplingOptions(Float.MIN_VALUE, 0, 1f, 0f, 1f, 1f, 0f, 0f, 0, Map.of());
    float[] logits = {5f, 6f, 7f, 6.99f};
    Sampler sampler = new Sampler(cold, 0, 10);
    for (int i = 0; i < 100; i++) {
      assertEquals(2, sampler.sample(logits, 0, 4));
    }
  }

  @Test
  void forbiddenTokensAreNeverDrawn() {
    Sampler sampler =
        new Sampler(
            new SamplingOptions(5f, 0, 1f, 0f, 1f, 1f, 0f, 0f, 0, Map.of(1, 2f)).forbidding(0, 3),
            0,
            10);
    float[] logits = {9f, 1f, 1f, 9f};
    for (int i = 0; i < 200; i++) {
      assertTrue(List.of(1, 2).contains(sampler.sample(logits, 0, 4)));
    }
  }

  @ParameterizedTest
  @MethodSource("chains")
  void saysSoWhenNothingIsLeft(SamplingOptions options) {
    Sampler sampler = new Sampler(options.forbidding(0, 1, 2), 0, 10);
    assertThrows(InvalidRequest.class, () -> sampler.sample(new float[] {1, 2, 3}, 0, 3));
  }

  @Test
  void saysSoWhenLogitsAreNoNumbers() {
    Sampler sampler = new Sampler(SamplingOptions.GREEDY, 0, 10);
    float[] logits = {1, 2, Float.NaN, 4};
    MalformedModel failure = assertThrows(MalformedModel.class, () -> sampler.sample(logits, 0, 4));
    assertTrue(failure.getMessage().contains("token 2"), failure.getMessage());
    Sampler biased =
        new Sampler(
            new SamplingOptions(
                1f, 0, 1f, 0f, 1f, 1f, 0f, 0f, 0, Map.of(0, Float.POSITIVE_INFINITY)),
            0,
            10);
    float[] excluded = {Float.NEGATIVE_INFINITY, 1f};
    assertThrows(MalformedModel.class, () -> biased.sample(excluded, 0, 2));
  }

  @Test
  void saysSoWhenABiasIsForNoToken() {
    Sampler sampler = new Sampler(SamplingOptions.GREEDY.forbidding(3), 0, 10);
    InvalidRequest failure =
        assertThrows(InvalidRequest.class, () -> sampler.sample(new float[3], 0, 3));
    assertTrue(failure.getMessage().contains("token 3"), failure.getMessage());
  }

  @Test
  void penaltiesForgetWhatLeavesTheWindow() {
    SamplingOptions options = new SamplingOptions(0f, 0, 1f, 0f, 1f, 1f, 1f, 0f, 2, Map.of());
    Sampler sampler = new Sampler(options, 0, 100);
    float[] logits = {1f, 0.5f, 0.4f};
    assertEquals(0, sampler.sample(logits, 0, 3));
    sampler.accept(0);
    assertEquals(1, sampler.sample(logits, 0, 3));
    sampler.accept(1);
    assertEquals(2, sampler.sample(logits, 0, 3));
    sampler.accept(70_000);
    assertEquals(0, sampler.sample(logits, 0, 3));
  }

  @Test
  void allocatesNothingOnceItIsWarm() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    float[] logits = logits(new Random(8), 5000, 3);
    for (SamplingOptions options : chains().filter(o -> o.logitBias().isEmpty()).toList()) {
      Sampler sampler = new Sampler(options, 5, 200);
      int sum = 0;
      for (int i = 0; i < 300; i++) {
        sum += step(sampler, logits);
      }
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < 20; i++) {
        sum += step(sampler, logits);
      }
      long allocated = threads.getCurrentThreadAllocatedBytes() - before;
      assertTrue(allocated < 2000, options + " allocated " + allocated + ", tokens " + sum);
    }
  }

  @Test
  void refusesOptionsThatMakeNoSense() {
    List<float[]> wrong =
        List.of(
            new float[] {Float.NaN, 1, 0, 1, 1, 0, 0, 64},
            new float[] {1, -0.1f, 0, 1, 1, 0, 0, 64},
            new float[] {1, Float.NaN, 0, 1, 1, 0, 0, 64},
            new float[] {1, 1, 1.1f, 1, 1, 0, 0, 64},
            new float[] {1, 1, -1, 1, 1, 0, 0, 64},
            new float[] {1, 1, 0, -1, 1, 0, 0, 64},
            new float[] {1, 1, 0, 1, 0, 0, 0, 64},
            new float[] {1, 1, 0, 1, 1, Float.NaN, 0, 64},
            new float[] {1, 1, 0, 1, 1, 0, Float.POSITIVE_INFINITY, 64},
            new float[] {1, 1, 0, 1, 1, 0, 0, -2});
    for (float[] o : wrong) {
      assertThrows(
          InvalidRequest.class,
          () ->
              new SamplingOptions(
                  o[0], 40, o[1], o[2], o[3], o[4], o[5], o[6], (int) o[7], Map.of()));
    }
    assertThrows(InvalidRequest.class, () -> SamplingOptions.DEFAULT.forbidding(-1));
  }

  private static int walk(Map<Integer, Double> distribution, RandomGenerator random) {
    double left = random.nextDouble();
    int token = -1;
    for (Map.Entry<Integer, Double> entry : distribution.entrySet()) {
      token = entry.getKey();
      left -= entry.getValue();
      if (left < 0) {
        break;
      }
    }
    return token;
  }

  private static int step(Sampler sampler, float[] logits) {
    int token = sampler.sample(logits, 0, logits.length);
    sampler.accept(token);
    return token;
  }

  private static int[] draws(float[] logits, long seed) {
    Sampler sampler = new Sampler(SamplingOptions.DEFAULT, seed, 100);
    return IntStream.range(0, 100).map(i -> sampler.sample(logits, 0, logits.length)).toArray();
  }

  private static float[] logits(Random random, int count, double deviation) {
    float[] logits = new float[count];
    for (int i = 0; i < count; i++) {
      // Coarse enough for ties to occur.
      logits[i] = Math.round(random.nextGaussian() * deviation * 64) / 64f;
    }
    return logits;
  }

  private static Map<Integer, Double> probabilities(Candidates left) {
    Map<Integer, Double> result = new HashMap<>();
    double[] weights = left.weights();
    double sum = left.weightSum();
    for (int i = 0; i < left.size(); i++) {
      result.put(left.token(i), weights[i] / sum);
    }
    return result;
  }
}
