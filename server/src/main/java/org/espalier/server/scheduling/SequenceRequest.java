package org.espalier.server.scheduling;

import java.util.OptionalInt;
import org.espalier.runtime.generation.GenerationOptions;

/**
 * One text to generate: a prompt and how to go on from it.
 *
 * @param prompt token ids, at least one
 * @param generation length, sampling, seed and stop texts
 * @param alternatives how many likeliest tokens to report with every token; empty: no probabilities
 * @param scorePrompt whether the prompt's own tokens are scored too
 * @param routing whether to report which experts each token used
 */
public record SequenceRequest(
    int[] prompt,
    GenerationOptions generation,
    OptionalInt alternatives,
    boolean scorePrompt,
    boolean routing) {

  /** Positions that it may take in a context of the given length. */
  int positions(int contextLength) {
    int most = generation.maximumTokens();
    return most < 0 ? contextLength : (int) Math.min(contextLength, (long) prompt.length + most);
  }

  /** Whether nothing has to be computed for it. */
  boolean isEmpty() {
    return generation.maximumTokens() == 0 && !scorePrompt && !routing;
  }

  /** Positions of the prompt that need not pass through the model where they are known already. */
  int reusable() {
    // The last token must go in again, because its logits are not kept.
    return scorePrompt || routing ? 0 : prompt.length - 1;
  }
}
