package org.espalier.runtime.generation;

import java.util.List;
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
  public GenerationOptions {
    stop = List.copyOf(stop);
  }
}
