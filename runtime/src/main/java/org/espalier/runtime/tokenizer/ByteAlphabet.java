package org.espalier.runtime.tokenizer;

import java.util.Arrays;

/**
 * The one-to-one map between the 256 bytes and 256 printable characters in which byte-level
 * vocabularies are written: printable Latin-1 stands for itself, every other byte for a character
 * from U+0100 on (so a space is {@code Ġ}).
 */
final class ByteAlphabet {
  private static final int SIZE = 256;

  private final char[] characterOfByte = new char[SIZE];

  /** By character; −1 where the alphabet has no such character. */
  private final short[] byteOfCharacter = new short[2 * SIZE];

  ByteAlphabet() {
    Arrays.fill(byteOfCharacter, (short) -1);
    int next = SIZE;
    for (int value = 0; value < SIZE; value++) {
      char character = (char) (isPrintable(value) ? value : next++);
      characterOfByte[value] = character;
      byteOfCharacter[character] = (short) value;
    }
  }

  private static boolean isPrintable(int value) {
    return value >= '!' && value <= '~' || value >= 0xA1 && value != 0xAD;
  }

  /** The character that stands for a byte. */
  char character(int value) {
    return characterOfByte[value & 0xFF];
  }

  /** Whether some byte is written as this character. */
  boolean contains(char character) {
    return character < byteOfCharacter.length && byteOfCharacter[character] >= 0;
  }

  /** Whether a text is written in this alphabet throughout. */
  boolean spells(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (!contains(text.charAt(i))) {
        return false;
      }
    }
    return true;
  }

  /** The bytes of a text for which {@link #spells} holds. */
  byte[] bytes(String text) {
    byte[] bytes = new byte[text.length()];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) byteOfCharacter[text.charAt(i)];
    }
    return bytes;
  }
}
