package org.espalier.runtime.synthesis;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.MetadataValue.WholeType;

/**
 * A byte-level BPE vocabulary of any size, laid out like OLMo's: two special tokens, all bytes,
 * tokens made by merges, runs of 24 … 2 spaces, two more specials and the end of text.
 *
 * <p>Merged tokens are short strings of lower-case letters, with and without a space before them,
 * in the order of length and of how common their letters are. Each is made of exactly the two
 * tokens into which the merges before it split its text, so that encoding its text gives it.
 */
final class SyntheticVocabulary {
  private static final int PADDING = 1;
  private static final int FIRST_BYTE = 2;
  private static final int BYTES = 256;
  private static final int LONGEST_RUN = 24;
  private static final int SHORTEST_RUN = 2;
  private static final List<String> LAST_SPECIALS =
      List.of("|||EMAIL_ADDRESS|||", "|||PHONE_NUMBER|||", "<|endoftext|>");

  /** Tokens that are there before and after those made by merges. */
  private static final int FIXED =
      FIRST_BYTE + BYTES + LONGEST_RUN - SHORTEST_RUN + 1 + LAST_SPECIALS.size();

  /** The smallest vocabulary has a single merge. */
  static final int SMALLEST = FIXED + 1;

  /** The largest; a bound, not a limit of the method. */
  static final int LARGEST = 1 << 18;

  private static final String LETTERS = "etaoinshrdlcumwfgypbvkjxqz";

  private enum Kind {
    NORMAL(1),
    CONTROL(3),
    USER_DEFINED(4);

    final long code;

    Kind(long code) {
      this.code = code;
    }
  }

  private final int size;
  private final List<String> tokens = new ArrayList<>();
  private final List<Long> kinds = new ArrayList<>();
  private final List<String> merges = new ArrayList<>();
  private final Map<String, Integer> ranks = new HashMap<>();

  /** One of so many tokens, from {@link #SMALLEST} to {@link #LARGEST}. */
  SyntheticVocabulary(int size) {
    this.size = size;
    add("|||IP_ADDRESS|||", Kind.USER_DEFINED);
    add("<|padding|>", Kind.CONTROL);
    addBytes();
    addMerged();
    for (int run = LONGEST_RUN; run >= SHORTEST_RUN; run--) {
      add(" ".repeat(run), Kind.USER_DEFINED);
    }
    for (String special : LAST_SPECIALS) {
      add(special, special.startsWith("<|") ? Kind.CONTROL : Kind.USER_DEFINED);
    }
  }

  List<String> tokens() {
    return tokens;
  }

  List<String> merges() {
    return merges;
  }

  /** Everything that a tokenizer must know. */
  Map<String, MetadataValue> metadata() {
    Map<String, MetadataValue> entries = new LinkedHashMap<>();
    entries.put("tokenizer.ggml.model", new MetadataValue.Text("gpt2"));
    entries.put("tokenizer.ggml.pre", new MetadataValue.Text("olmo"));
    entries.put("tokenizer.ggml.tokens", new MetadataValue.Texts(tokens));
    entries.put("tokenizer.ggml.token_type", new MetadataValue.Wholes(WholeType.INT32, kinds));
    entries.put("tokenizer.ggml.merges", new MetadataValue.Texts(merges));
    entries.put("tokenizer.ggml.eos_token_id", new MetadataValue.Whole(WholeType.UINT32, size - 1));
    entries.put(
        "tokenizer.ggml.padding_token_id", new MetadataValue.Whole(WholeType.UINT32, PADDING));
    entries.put("tokenizer.ggml.add_bos_token", new MetadataValue.Flag(false));
    return entries;
  }

  private void add(String token, Kind kind) {
    tokens.add(token);
    kinds.add(kind.code);
  }

  /** Printable bytes as the character of that code, the others as characters from 256 on. */
  private void addBytes() {
    List<String> others = new ArrayList<>();
    for (int value = 0; value < BYTES; value++) {
      boolean printable =
          (value >= '!' && value <= '~')
              || (value >= 0xA1 && value <= 0xAC)
              || (value >= 0xAE && value <= 0xFF);
      if (printable) {
        add(Character.toString(value), Kind.NORMAL);
      } else {
        others.add(Character.toString(BYTES + others.size()));
      }
    }
    others.forEach(other -> add(other, Kind.NORMAL));
  }

  private void addMerged() {
    String space = Character.toString(BYTES + ' ');
    int wanted = size - FIXED;
    for (int length = 1; merges.size() < wanted; length++) {
      addWords(space, length, wanted);
      addWords("", length + 1, wanted);
    }
  }

  /** All words of a length with a prefix, the commonest letters first, until there are enough. */
  private void addWords(String prefix, int length, int wanted) {
    if (length == 0) {
      addMerge(prefix);
      return;
    }
    for (int i = 0; i < LETTERS.length() && merges.size() < wanted; i++) {
      addWords(prefix + LETTERS.charAt(i), length - 1, wanted);
    }
  }

  private void addMerge(String word) {
    List<String> parts = split(word);
    // Three parts or more would need a merge between two of them first, which is another token's.
    if (parts.size() == 2) {
      String pair = parts.get(0) + " " + parts.get(1);
      ranks.put(pair, merges.size());
      merges.add(pair);
      add(word, Kind.NORMAL);
    }
  }

  /** Byte-pair encoding as its definition says: always the merge of lowest rank, leftmost first. */
  private List<String> split(String word) {
    List<String> parts = new ArrayList<>();
    word.chars().forEach(symbol -> parts.add(Character.toString(symbol)));
    while (true) {
      int best = -1;
      int bestRank = Integer.MAX_VALUE;
      for (int i = 0; i + 1 < parts.size(); i++) {
        int rank = ranks.getOrDefault(parts.get(i) + " " + parts.get(i + 1), Integer.MAX_VALUE);
        if (rank < bestRank) {
          best = i;
          bestRank = rank;
        }
      }
      if (best < 0) {
        return parts;
      }
      parts.set(best, parts.get(best) + parts.remove(best + 1));
    }
  }
}
