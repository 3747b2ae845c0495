package org.espalier.runtime.tokenizer;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/**
 * Everything that determines a tokenizer, complete and consistent.
 *
 * @param mergeLines the merges as the file spells them, by rank
 * @param merges the same as a table
 */
record TokenizerDefinition(
    PreTokenizer preTokenizer,
    Vocabulary vocabulary,
    List<String> mergeLines,
    Merges merges,
    SpecialTokens special) {

  /** SHA-256 over all parts, each with its length before it, as lower-case hex. */
  String fingerprint() {
    MessageDigest digest = sha256();
    add(digest, preTokenizer.name() + (preTokenizer.composes() ? " NFC" : ""));
    addNumber(digest, vocabulary.size());
    for (int id = 0; id < vocabulary.size(); id++) {
      add(digest, vocabulary.name(id));
      addNumber(digest, vocabulary.kind(id).ordinal());
    }
    addNumber(digest, mergeLines.size());
    mergeLines.forEach(line -> add(digest, line));
    add(digest, special.toString());
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  private static void add(MessageDigest digest, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    addNumber(digest, bytes.length);
    digest.update(bytes);
  }

  private static void addNumber(MessageDigest digest, int number) {
    digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(0, number));
  }
}
