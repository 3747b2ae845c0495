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
}
