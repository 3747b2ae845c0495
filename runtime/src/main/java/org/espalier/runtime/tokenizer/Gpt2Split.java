package org.espalier.runtime.tokenizer;

/**
 * The split expression of GPT-2, with Unicode classes, as a hand-written scanner:
 *
 * <pre>{@code 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+}</pre>
 *
 * A regular expression engine would keep a stack entry per character of a long run of white space.
 */
final class Gpt2Split implements Split {

  @Override
  public int pieceEnd(String text, int start, int limit) {
    char first = text.charAt(start);
    if (first == '\'') {
      int length = contractionLength(text, start, limit);
      if (length > 0) {
        return start + length;
      }
    }
    int runStart = first == ' ' && start + 1 < limit ? start + 1 : start;
    CharacterClass runClass = CharacterClass.of(codePointAt(text, runStart, limit));
    return runClass == CharacterClass.SPACE
        ? spaceEnd(text, start, limit)
        : runEnd(text, runStart, limit, runClass);
  }

  private static int contractionLength(String text, int start, int limit) {
    if (start + 1 >= limit) {
      return 0;
    }
    char next = text.charAt(start + 1);
    if (next == 's' || next == 't' || next == 'm' || next == 'd') {
      return 2;
    }
    if (start + 2 >= limit) {
      return 0;
    }
    char last = text.charAt(start + 2);
    boolean three =
        next == 'r' && last == 'e' || next == 'v' && last == 'e' || next == 'l' && last == 'l';
    return three ? 3 : 0;
  }

  private static int runEnd(String text, int start, int limit, CharacterClass runClass) {
    int end = start;
    while (end < limit) {
      int codePoint = codePointAt(text, end, limit);
      if (CharacterClass.of(codePoint) != runClass) {
        break;
      }
      end += Character.charCount(codePoint);
    }
    return end;
  }

  /** All white space at the end of the text; elsewhere the last one is left to what follows. */
  private static int spaceEnd(String text, int start, int limit) {
    int end = runEnd(text, start, limit, CharacterClass.SPACE);
    return end < limit && end > start + 1 ? end - 1 : end;
  }

  /** As {@link String#codePointAt}, but blind to what lies beyond the limit. */
  static int codePointAt(String text, int index, int limit) {
    char high = text.charAt(index);
    if (Character.isHighSurrogate(high) && index + 1 < limit) {
      char low = text.charAt(index + 1);
      if (Character.isLowSurrogate(low)) {
        return Character.toCodePoint(high, low);
      }
    }
    return high;
  }
}
