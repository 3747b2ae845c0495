package org.espalier.runtime.tokenizer;

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

  /**
   * SHA-256 over all parts, each text with its length before it, as lower-case hex. Unused tokens
   * at the end only fill up the rows of an embedding and do not count.
   */
  String fingerprint() {
    StringBuilder all = new StringBuilder();
    append(all, preTokenizer.name()).append(preTokenizer.composes() ? " NFC\n" : "\n");
    all.append(vocabulary.usedSize()).append('\n');
    for (int id = 0; id < vocabulary.usedSize(); id++) {
      append(all, vocabulary.name(id)).append(vocabulary.kind(id)).append('\n');
    }
    for (String line : mergeLines) {
      append(all, line).append('\n');
    }
    all.append(special);
    return HexFormat.of().formatHex(sha256(all.toString().getBytes(StandardCharsets.UTF_8)));
  }

  private static StringBuilder append(StringBuilder all, String text) {
    return all.append(text.length()).append(' ').append(text);
  }

  private static byte[] sha256(byte[] bytes) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(bytes);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
