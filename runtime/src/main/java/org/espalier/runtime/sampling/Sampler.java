package org.espalier.runtime.sampling;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.espalier.api.EspalierException.InvalidRequest;

/**
 * Draws tokens. Holds the window of the penalties and the random state: one for each sequence.
 *
 * <p>Steps and their order are those of llama.cpp's tools: logit bias, penalties, top-k, typical,
 * top-p, min-p, temperature, draw; each step that is off is left out. At a temperature of 0 or less
 * the likeliest token after bias and penalties is taken and no random number is used. Among equal
 * logits the lower token id counts as likelier. Random numbers come from {@code L64X128MixRandom}
 * and arithmetic from {@link StrictMath}, so that a seed gives the same tokens on every machine.
 */
public final class Sampler {
  private static final String GENERATOR = "L64X128MixRandom";

  private final RecentTokens recent;
  private final List<SamplingStep> chain;
  private final RandomGenerator random;
  private final Candidates candidates = new Candidates();

  /**
   * A sampler.
   *
   * @param seed equal seeds and equal logits give equal tokens
   * @param contextLength what {@code repeatLastN = −1} means
   */
  public Sampler(SamplingOptions options, long seed, int contextLength) {
    this.recent = new RecentTokens(window(options, contextLength));
    this.chain = chain(options, recent);
    this.random = RandomGeneratorFactory.of(GENERATOR).create(seed);
  }

  private static int window(SamplingOptions options, int contextLength) {
    boolean unlimited = options.repeatLastN() < 0 || options.repeatLastN() > contextLength;
    return unlimited ? contextLength : options.repeatLastN();
  }

  private static List<SamplingStep> chain(SamplingOptions options, RecentTokens recent) {
    List<SamplingStep> steps = new ArrayList<>();
    if (!options.logitBias().isEmpty()) {
      steps.add(SamplingStep.LogitBias.of(options.logitBias()));
    }
    if (options.penalises()) {
      steps.add(
          new SamplingStep.Penalties(
              recent,
              options.repeatPenalty(),
              options.frequencyPenalty(),
              options.presencePenalty()));
    }
    if (options.temperature() <= 0) {
      steps.add(new SamplingStep.TopK(1));
      return List.copyOf(steps);
    }
    if (options.topK() > 0) {
      steps.add(new SamplingStep.TopK(options.topK()));
    }
    if (options.typicalP() < 1) {
      steps.add(new SamplingStep.Typical(options.typicalP()));
    }
    if (options.topP() < 1) {
      steps.add(new SamplingStep.TopP(options.topP()));
    }
    if (options.minP() > 0) {
      steps.add(new SamplingStep.MinP(options.minP()));
    }
    if (options.temperature() != 1) {
      steps.add(new SamplingStep.Temperature(options.temperature()));
    }
    return List.copyOf(steps);
  }

  /** Notes a token of the prompt or of the text: penalties see it from now on. */
  public void accept(int token) {
    recent.add(token);
  }

  /**
   * Draws a token; does not accept it.
   *
   * @param logits one per token, at {@code offset} and on; they are left as they are
   * @throws org.espalier.api.EspalierException.MalformedModel when a logit is not a number
   * @throws InvalidRequest when a logit bias is for a token that does not exist, or forbids all
   */
  public int sample(float[] logits, int offset, int count) {
    return draw(survivors(logits, offset, count));
  }

  /** What the chain leaves to draw from; valid until the next call. */
  Candidates survivors(float[] logits, int offset, int count) {
    candidates.fill(logits, offset, count);
    // An indexed loop, because an iterator would be an object for every token.
    for (int i = 0; i < chain.size(); i++) {
      chain.get(i).apply(candidates);
    }
    return candidates;
  }

  private int draw(Candidates candidates) {
    if (candidates.largestLogit() == Float.NEGATIVE_INFINITY) {
      throw new InvalidRequest(
          "every token has a probability of zero: a logit bias of minus infinity for all of them"
              + " leaves nothing to draw");
    }
    if (candidates.size() == 1) {
      return candidates.token(0);
    }
    double[] weights = candidates.weights();
    double point = random.nextDouble() * candidates.weightSum();
    int drawn = 0;
    double reached = 0;
    for (int i = 0; i < candidates.size() && reached <= point; i++) {
      // What rounding leaves over at the end goes to the last candidate that is possible at all.
      drawn = weights[i] > 0 ? i : drawn;
      reached += weights[i];
    }
    return candidates.token(drawn);
  }
}
