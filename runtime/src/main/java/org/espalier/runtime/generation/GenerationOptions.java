package org.espalier.runtime.generation;

import java.util.List;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.runtime.sampling.SamplingOptions;

/**
 * What to generate.
 *
 * @param maximumTokens −1: until the text ends or the context is full
 * @param sampling how tokens are drawn
 * @param seed of the draw
 * @param stop texts at which generation stops; they are not part of the output
 * @param ignoreEndOfText whether the end-of-text token is never drawn
 */
public record GenerationOptions(
    int maximumTokens,
    SamplingOptions sampling,
    long seed,
    List<String> stop,
    boolean ignoreEndOfText) {

  /** No limit, sampling as in llama.cpp's tools, seed 0. */
  public static final GenerationOptions DEFAULT =
      new GenerationOptions(-1, SamplingOptions.DEFAULT, 0, List.of(), false);

  /** Refuses a negative length other than −1, and empty stop texts. */
  public GenerationOptions {
    stop = List.copyOf(stop);
    if (maximumTokens < -1) {
      throw new InvalidRequest(
          "the number of tokens to generate must be −1 (no limit), 0 or more: " + maximumTokens);
    }
    if (stop.contains("")) {
      throw new InvalidRequest("a stop text must not be empty");
    }
  }

  /** This, but at most so many tokens; −1: no limit. */
  public GenerationOptions withMaximumTokens(int count) {
    return new GenerationOptions(count, sampling, seed, stop, ignoreEndOfText);
  }

  /** This, but with another way to draw tokens. */
  public GenerationOptions withSampling(SamplingOptions other) {
    return new GenerationOptions(maximumTokens, other, seed, stop, ignoreEndOfText);
  }

  /** This, but with another seed. */
  public GenerationOptions withSeed(long other) {
    return new GenerationOptions(maximumTokens, sampling, other, stop, ignoreEndOfText);
  }

  /** This, but ending where one of these texts appears. */
  public GenerationOptions withStop(String... texts) {
    return new GenerationOptions(maximumTokens, sampling, seed, List.of(texts), ignoreEndOfText);
  }
}
