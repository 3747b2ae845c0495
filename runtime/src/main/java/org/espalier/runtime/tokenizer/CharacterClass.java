package org.espalier.runtime.tokenizer;

/** The classes of characters that the split expressions tell apart; they do not overlap. */
enum CharacterClass {
  /** {@code \p{L}}. */
  LETTER,
  /** {@code \p{N}}: digits, and also superscripts, fractions and letter-like numbers. */
  NUMBER,
  /** {@code \s}: the Unicode property White_Space, without U+200B and U+FEFF. */
  SPACE,
  /** The rest: {@code [^\s\p{L}\p{N}]}, unpaired surrogates included. */
  OTHER;

  static CharacterClass of(int codePoint) {
    return switch (Character.getType(codePoint)) {
      case Character.UPPERCASE_LETTER,
          Character.LOWERCASE_LETTER,
          Character.TITLECASE_LETTER,
          Character.MODIFIER_LETTER,
          Character.OTHER_LETTER ->
          LETTER;
      case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER ->
          NUMBER;
      case Character.SPACE_SEPARATOR, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR ->
          SPACE;
      case Character.CONTROL ->
          codePoint >= '\t' && codePoint <= '\r' || codePoint == 0x85 ? SPACE : OTHER;
      default -> OTHER;
    };
  }

  /** Whether a code point is in {@code \p{P}}. */
  static boolean isPunctuation(int codePoint) {
    return switch (Character.getType(codePoint)) {
      case Character.CONNECTOR_PUNCTUATION,
          Character.DASH_PUNCTUATION,
          Character.START_PUNCTUATION,
          Character.END_PUNCTUATION,
          Character.INITIAL_QUOTE_PUNCTUATION,
          Character.FINAL_QUOTE_PUNCTUATION,
          Character.OTHER_PUNCTUATION ->
          true;
      default -> false;
    };
  }
}
