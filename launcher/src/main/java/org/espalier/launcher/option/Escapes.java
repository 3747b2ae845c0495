package org.espalier.launcher.option;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** Escapes in texts of the command line, as llama.cpp reads them. */
final class Escapes {
  private Escapes() {}

  /**
   * Replaces {@code \n \r \t \' \" \\} and {@code \xHH}; any other backslash stays. {@code \xHH} is
   * a byte, so that several of them can make up one UTF-8 character.
   */
  static String process(String text) {
    if (text.indexOf('\\') < 0) {
      return text;
    }
    byte[] source = text.getBytes(StandardCharsets.UTF_8);
    ByteArrayOutputStream target = new ByteArrayOutputStream(source.length);
    for (int i = 0; i < source.length; i++) {
      if (source[i] != '\\' || i + 1 == source.length) {
        target.write(source[i]);
      } else if (source[i + 1] == 'x' && hexadecimal(source, i + 2)) {
        target.write(Character.digit(source[i + 2], 16) << 4 | Character.digit(source[i + 3], 16));
        i += 3;
      } else {
        int character = simple(source[i + 1]);
        target.write(character < 0 ? '\\' : character);
        i += character < 0 ? 0 : 1;
      }
    }
    return target.toString(StandardCharsets.UTF_8);
  }

  private static int simple(byte letter) {
    return switch (letter) {
      case 'n' -> '\n';
      case 'r' -> '\r';
      case 't' -> '\t';
      case '\'', '"', '\\' -> letter;
      default -> -1;
    };
  }

  private static boolean hexadecimal(byte[] source, int at) {
    return at + 1 < source.length
        && Character.digit(source[at], 16) >= 0
        && Character.digit(source[at + 1], 16) >= 0;
  }
}
