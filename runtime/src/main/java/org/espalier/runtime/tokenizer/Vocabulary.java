package org.espalier.runtime.tokenizer;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/** The tokens by id: their kinds and the bytes they stand for. Immutable. */
final class Vocabulary {
  private final TokenNames names;
  private final List<TokenKind> kinds;
  private final int[] idOfByte = new int[256];
  private final byte[] bytes;

  /** Where the bytes of a token begin; one more entry than there are tokens. */
  private final int[] offsets;

  Vocabulary(TokenNames names, List<TokenKind> kinds) {
    this.names = names;
    this.kinds = List.copyOf(kinds);
    ByteAlphabet alphabet = new ByteAlphabet();
    for (int value = 0; value < idOfByte.length; value++) {
      idOfByte[value] = names.id(String.valueOf(alphabet.character(value)));
    }
    this.offsets = new int[names.size() + 1];
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (int id = 0; id < names.size(); id++) {
      all.writeBytes(meaning(alphabet, names.name(id), kinds.get(id)));
      offsets[id + 1] = all.size();
    }
    this.bytes = all.toByteArray();
  }

  /** Names of added tokens are plain text; so is a normal one that the alphabet cannot spell. */
  private static byte[] meaning(ByteAlphabet alphabet, String name, TokenKind kind) {
    return switch (kind) {
      case UNUSED -> new byte[0];
      case CONTROL, USER_DEFINED -> name.getBytes(StandardCharsets.UTF_8);
      case NORMAL ->
          alphabet.spells(name) ? alphabet.bytes(name) : name.getBytes(StandardCharsets.UTF_8);
    };
  }

  int size() {
    return names.size();
  }

  /** How many there are without the unused ones at the end. */
  int usedSize() {
    int size = size();
    while (size > 0 && kind(size - 1) == TokenKind.UNUSED) {
      size--;
    }
    return size;
  }

  String name(int id) {
    return names.name(id);
  }

  TokenKind kind(int id) {
    return kinds.get(id);
  }

  /** The token of a single byte, or {@link TokenNames#ABSENT}. */
  int idOfByte(int value) {
    return idOfByte[value & 0xFF];
  }

  byte[] bytes(int id) {
    return Arrays.copyOfRange(bytes, offsets[id], offsets[id + 1]);
  }

  /** Whether a token stands for exactly the first {@code length} of these bytes. */
  boolean stands(int id, byte[] text, int length) {
    return Arrays.equals(bytes, offsets[id], offsets[id + 1], text, 0, length);
  }
}
