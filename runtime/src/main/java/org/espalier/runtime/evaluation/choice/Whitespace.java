package org.espalier.runtime.evaluation.choice;

/** White space as Python understands it, which lm-evaluation-harness strips and moves. */
public final class Whitespace {
  private Whitespace() {}

  /** Whether Python's {@code str.isspace} holds for a character. */
  public static boolean is(char character) {
    return switch (character) {
      case ' ', '\u0085', '\u00A0', '\u1680', '\u2028', '\u2029', '\u202F', '\u205F', '\u3000' ->
          true;
      default ->
          (character >= '\t' && character <= '\r')
              || (character >= '\u001C' && character <= '\u001F')
              || (character >= '\u2000' && character <= '\u200A');
    };
  }

  /** How many of a text's last characters are white space. */
  public static int trailing(String text) {
    int count = 0;
    while (count < text.length() && is(text.charAt(text.length() - 1 - count))) {
      count++;
    }
    return count;
  }

  /** A text without the white space around it. */
  public static String strip(String text) {
    int end = text.length() - trailing(text);
    int start = 0;
    while (start < end && is(text.charAt(start))) {
      start++;
    }
    return text.substring(start, end);
  }
}
