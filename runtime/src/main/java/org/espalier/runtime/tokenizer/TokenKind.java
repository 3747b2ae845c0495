package org.espalier.runtime.tokenizer;

import java.util.Optional;

/** What a token is for, with the numbers that {@code tokenizer.ggml.token_type} gives. */
enum TokenKind {
  /** Made from bytes by merges. */
  NORMAL,
  /** Steers the model; its text is recognised only when the caller wants that, and not shown. */
  CONTROL,
  /** Text that is always kept whole. */
  USER_DEFINED,
  /** Fills a row of the embedding; never made and stands for no text. */
  UNUSED;

  /**
   * The kind that a number of the metadata means. "Unknown" tokens are handled like control tokens;
   * byte tokens, which byte-level vocabularies do not need, and undefined ones like normal tokens.
   *
   * @return empty for a number without meaning
   */
  static Optional<TokenKind> ofNumber(long number) {
    return switch (Math.clamp(number, -1, 7)) {
      case 0, 1, 6 -> Optional.of(NORMAL);
      case 2, 3 -> Optional.of(CONTROL);
      case 4 -> Optional.of(USER_DEFINED);
      case 5 -> Optional.of(UNUSED);
      default -> Optional.empty();
    };
  }

  /** The number that {@code tokenizer.ggml.token_type} has for this kind. */
  long number() {
    return switch (this) {
      case NORMAL -> 1;
      case CONTROL -> 3;
      case USER_DEFINED -> 4;
      case UNUSED -> 5;
    };
  }
}
