package org.espalier.runtime.generation;

import java.util.List;

/**
 * What came of it.
 *
 * @param tokens drawn, the one that ended the text included
 * @param text of them, without stop text and control tokens
 * @param reason why it ended
 * @param promptTokens positions of the prompt that were computed
 * @param promptNanos time for them
 * @param evaluations forward passes of one token after the prompt
 * @param evaluationNanos time for them, sampling included
 */
public record GenerationResult(
    List<Integer> tokens,
    String text,
    FinishReason reason,
    int promptTokens,
    long promptNanos,
    int evaluations,
    long evaluationNanos) {
  public GenerationResult {
    tokens = List.copyOf(tokens);
  }
}
