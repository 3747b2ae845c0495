package org.espalier.runtime.evaluation;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.espalier.runtime.tokenizer.Tokenizer;

/** Which tokens of a text are scored. Both cut it into disjoint windows and drop the rest. */
public enum PerplexityProtocol {
  /**
   * As llama.cpp's perplexity tool: only the second half of a window counts, so that every scored
   * token has at least half a window before it; for models that begin texts with a token of their
   * own, that replaces the first of each window.
   */
  LLAMA(512),

  /** As is usual with Hugging Face's models: every token of a window but its first counts. */
  HF(2048);

  private final int defaultWindow;

  PerplexityProtocol(int defaultWindow) {
    this.defaultWindow = defaultWindow;
  }

  /** Tokens per window where the user says nothing. */
  public int defaultWindow() {
    return defaultWindow;
  }

  /** The position in a window whose logits are scored first: they predict the token after it. */
  int firstScored(int window) {
    return switch (this) {
      case LLAMA -> window / 2;
      case HF -> 0;
    };
  }

  /** Tokens of a window that are scored. */
  public int scored(int window) {
    return window - 1 - firstScored(window);
  }

  /** Fewest tokens of a text that can be measured. */
  int fewestTokens(int window) {
    return switch (this) {
      case LLAMA -> 2 * window;
      case HF -> window;
    };
  }

  /** The tokens of a text; names of control tokens in it are plain text. */
  public int[] encode(Tokenizer tokenizer, String text) {
    return switch (this) {
      case LLAMA -> {
        String trimmed = text.endsWith("\n") ? text.substring(0, text.length() - 1) : text;
        IntStream ids = Arrays.stream(tokenizer.encode(trimmed, false));
        yield IntStream.concat(tokenizer.beginningOfText().stream(), ids).toArray();
      }
      case HF -> tokenizer.encode(text, false);
    };
  }
}
