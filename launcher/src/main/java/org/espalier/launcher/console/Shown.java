package org.espalier.launcher.console;

import java.util.Locale;

/** Texts of files, which may hold anything, and numbers, in a form to be read by people. */
public final class Shown {
  private Shown() {}

  /** A text on one line; control characters, which might steer a terminal, are spelled out. */
  public static String text(String text) {
    StringBuilder shown = new StringBuilder();
    text.codePoints()
        .forEach(point -> {
          switch (point) {
            case '\n' -> shown.append("\\n");
            case '\r' -> shown.append("\\r");
            case '\t' -> shown.append("\\t");
            default -> {
              int type = Character.getType(point);
              if (type == Character.CONTROL || type == Character.FORMAT) {
                shown.append("\\x%02x".formatted(point));
              } else {
                shown.appendCodePoint(point);
              }
            }
          }
        });
    return shown.toString();
  }

  /** The same, cut after so many characters. */
  public static String text(String text, int longest) {
    return text.length() <= longest
        ? text(text)
        : text(text.substring(0, text.offsetByCodePoints(0, longest / 2))) + "…";
  }

  /** A whole number, its digits in groups of three. */
  public static String count(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  /**
   * So many things: {@code "1 tensor"}, {@code "2,048 tensors"}.
   *
   * @param singular of a word that takes an s
   */
  public static String count(long number, String singular) {
    return count(number) + " " + singular + (number == 1 ? "" : "s");
  }

  /** A real number with four digits. */
  public static String number(double number) {
    return String.format(Locale.ROOT, "%.4g", number);
  }

  /** Bits per weight. */
  public static String bits(double bits) {
    return String.format(Locale.ROOT, "%.3f", bits);
  }
}
