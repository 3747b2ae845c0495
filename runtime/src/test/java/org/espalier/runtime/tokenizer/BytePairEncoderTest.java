package org.espalier.runtime.tokenizer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.espalier.api.format.Metadata;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BytePairEncoderTest {

  /** The definition of byte-pair encoding, on names of tokens. */
  private static int[] naive(List<String> tokens, List<String> merges, String piece) {
    Map<String, Integer> ranks = new HashMap<>();
    for (int rank = 0; rank < merges.size(); rank++) {
      ranks.put(merges.get(rank), rank);
    }
    ByteAlphabet alphabet = new ByteAlphabet();
    List<String> symbols = new ArrayList<>();
    for (byte value : piece.getBytes(UTF_8)) {
      symbols.add(String.valueOf(alphabet.character(value)));
    }
    while (true) {
      int best = -1;
      int bestRank = Integer.MAX_VALUE;
      for (int i = 0; i + 1 < symbols.size(); i++) {
        int rank = ranks.getOrDefault(symbols.get(i) + " " + symbols.get(i + 1), Integer.MAX_VALUE);
        if (rank < bestRank) {
          best = i;
          bestRank = rank;
        }
      }
      if (best < 0) {
        return symbols.stream().mapToInt(tokens::indexOf).toArray();
      }
      symbols.set(best, symbols.get(best) + symbols.remove(best + 1));
    }
  }

  /**
   * Random merges over few letters: many ties, chains, and tokens that are not made of themselves.
   */
  private static Metadata randomMerges(RandomTexts random, int count) {
    List<String> tokens = Fixtures.bytesAnd();
    List<String> parts = new ArrayList<>(List.of("a", "b", "c", "Ã", "©"));
    List<String> merges = new ArrayList<>();
    while (merges.size() < count) {
      String left = parts.get(random.nextInt(parts.size()));
      String right = parts.get(random.nextInt(parts.size()));
      String line = left + " " + right;
      if (left.length() + right.length() > 40 || merges.contains(line)) {
        continue;
      }
      merges.add(line);
      if (!tokens.contains(left + right)) {
        tokens.add(left + right);
        parts.add(left + right);
      }
    }
    return Fixtures.metadata(tokens, merges);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5, 10, 30, 100})
  void equalsTheDefinition(int mergeCount) {
    RandomTexts random = new RandomTexts(mergeCount);
    for (int vocabulary = 0; vocabulary < 20; vocabulary++) {
      Metadata metadata = randomMerges(random, mergeCount);
      List<String> tokens = metadata.texts("tokenizer.ggml.tokens").orElseThrow();
      List<String> merges = metadata.texts("tokenizer.ggml.merges").orElseThrow();
      Tokenizer tokenizer = Fixtures.quiet(metadata);
      for (int length : List.of(1, 2, 3, 4, 7, 15, 38, 39, 40, 41, 42, 43, 80, 200)) {
        StringBuilder word = new StringBuilder();
        while (word.length() < length) {
          word.append("aaabbcé".charAt(random.nextInt(7)));
        }
        assertArrayEquals(
            naive(tokens, merges, word.toString()),
            tokenizer.encode(word.toString(), true),
            () -> word + " with " + merges);
      }
    }
  }

  @Test
  void equalsTheDefinitionOnRealMerges() {
    Metadata metadata = Fixtures.tinyTales();
    List<String> tokens = metadata.texts("tokenizer.ggml.tokens").orElseThrow();
    List<String> merges = metadata.texts("tokenizer.ggml.merges").orElseThrow();
    Tokenizer tokenizer = Fixtures.quiet(metadata);
    String letters = "etaoinshrdlucmfwypvbgkEHkingwasdaughter";
    RandomTexts random = new RandomTexts(9);
    for (int length = 1; length < 120; length++) {
      StringBuilder word = new StringBuilder();
      while (word.length() < length) {
        word.append(letters.charAt(random.nextInt(letters.length())));
      }
      assertArrayEquals(
          naive(tokens, merges, word.toString()), tokenizer.encode(word.toString(), true));
    }
  }

  @Test
  void aVeryLongWordIsNoTrap() {
    Tokenizer tokenizer = Fixtures.quiet(Fixtures.tinyTales());
    StringBuilder word = new StringBuilder();
    RandomTexts random = new RandomTexts(4);
    while (word.length() < 500_000) {
      word.append("etaoinshrdlu".charAt(random.nextInt(12)));
    }
    int[] ids =
        assertTimeoutPreemptively(
            Duration.ofSeconds(20), () -> tokenizer.encode(word.toString(), true));
    assertTrue(ids.length < word.length());
    assertTrue(tokenizer.decode(ids).contentEquals(word));
  }
}
