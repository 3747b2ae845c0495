package org.espalier.server.scheduling;

import java.util.List;
import java.util.Optional;
import org.espalier.runtime.generation.FinishReason;

/** What happens to a submitted text, in the order in which it happens. */
public sealed interface Event {

  /**
   * Tokens of the prompt were scored; together all of them but the first, in order.
   *
   * @param choice which text of the submission
   */
  record Scored(int choice, List<TokenScore> scores) implements Event {}

  /** Tokens have passed through the model, in the order of their positions. */
  record Routed(int choice, List<TokenRouting> tokens) implements Event {}

  /**
   * A token was drawn.
   *
   * @param text that can be shown now; empty as long as a character or stop text is incomplete
   * @param ending whether this token ends the text and is not shown
   * @param score where probabilities were asked for
   */
  record Drawn(int choice, int token, String text, boolean ending, Optional<TokenScore> score)
      implements Event {}

  /**
   * The text is complete.
   *
   * @param rest text that was held back and belongs to it after all
   * @param promptTokens positions of the prompt
   * @param reusedTokens those of them that an earlier text had left behind
   * @param drawnTokens all that were drawn
   */
  record Ended(
      int choice,
      FinishReason reason,
      String rest,
      int promptTokens,
      int reusedTokens,
      int drawnTokens)
      implements Event {}

  /** The whole submission has failed; nothing follows. */
  record Failed(RuntimeException failure) implements Event {}
}
