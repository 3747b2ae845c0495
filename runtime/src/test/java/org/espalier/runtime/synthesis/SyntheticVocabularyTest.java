package org.espalier.runtime.synthesis;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.format.Metadata;
import org.espalier.runtime.tokenizer.Tokenizer;
import org.espalier.runtime.tokenizer.TokenizerCompatibility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class SyntheticVocabularyTest {
  private static final int FIRST_MERGED = 258;
  private static final int AFTER_MERGED = 26;

  @ParameterizedTest
  @ValueSource(ints = {285, 286, 320, 1024, 4080, 50280})
  void isLaidOutLikeOlmo(int size) {
    SyntheticVocabulary vocabulary = new SyntheticVocabulary(size);
    List<String> tokens = vocabulary.tokens();
    assertEquals(size, tokens.size());
    assertEquals(size, new HashSet<>(tokens).size(), "no token twice");
    assertEquals("|||IP_ADDRESS|||", tokens.get(0));
    assertEquals("<|padding|>", tokens.get(1));
    assertEquals("!", tokens.get(2));
    assertEquals(" ".repeat(24), tokens.get(size - 26));
    assertEquals("  ", tokens.get(size - 4));
    assertEquals("|||EMAIL_ADDRESS|||", tokens.get(size - 3));
    assertEquals("|||PHONE_NUMBER|||", tokens.get(size - 2));
    assertEquals("<|endoftext|>", tokens.get(size - 1));
    assertEquals(size - FIRST_MERGED - AFTER_MERGED, vocabulary.merges().size());
  }

  @Test
  void hasAllBytesInTheAlphabetOfGpt2() {
    List<String> bytes = new SyntheticVocabulary(300).tokens().subList(2, FIRST_MERGED);
    assertEquals("~", bytes.get('~' - '!'));
    assertEquals("¡", bytes.get(94));
    assertEquals("ÿ", bytes.get(187));
    assertEquals("Ā", bytes.get(188), "byte 0");
    assertEquals("Ġ", bytes.get(188 + ' '), "the space");
    assertEquals("Ń", bytes.get(255), "the soft hyphen");
  }

  @ParameterizedTest
  @ValueSource(ints = {285, 1024, 50280})
  void everyMergedTokenIsReached(int size) {
    SyntheticVocabulary vocabulary = new SyntheticVocabulary(size);
    Map<String, Integer> ranks = new HashMap<>();
    vocabulary.merges().forEach(merge -> ranks.put(merge, ranks.size()));
    for (int i = FIRST_MERGED; i < size - AFTER_MERGED; i++) {
      String token = vocabulary.tokens().get(i);
      assertEquals(List.of(token), encode(token, ranks));
      assertEquals(token, vocabulary.merges().get(i - FIRST_MERGED).replace(" ", ""));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {285, 1024, 50280})
  void theTokenizerUnderstandsIt(int size) {
    List<String> notices = new ArrayList<>();
    Tokenizer tokenizer =
        Tokenizer.of(
            new Metadata(new SyntheticVocabulary(size).metadata()),
            TokenizerCompatibility.HUGGING_FACE,
            notices::add);
    assertEquals(List.of(), notices);
    assertEquals(size, tokenizer.size());
    assertEquals(size - 1, tokenizer.endOfText().orElseThrow());
    for (int token = 0; token < size; token++) {
      String text = tokenizer.decode(token);
      if (!text.contains("\uFFFD")
          && text.equals(Normalizer.normalize(text, Normalizer.Form.NFC))) {
        assertArrayEquals(new int[] {token}, tokenizer.encode(text, true), text);
      }
    }
    String text = "Es war einmal: “Once upon a time”,   42 × 7\n";
    assertEquals(text, tokenizer.decode(tokenizer.encode(text, false)));
  }

  @Test
  void wordsTakeFewTokens() {
    SyntheticVocabulary vocabulary = new SyntheticVocabulary(50280);
    Map<String, Integer> ranks = new HashMap<>();
    vocabulary.merges().forEach(merge -> ranks.put(merge, ranks.size()));
    assertEquals(2, encode("Ġthere", ranks).size());
  }

  @Test
  void metadataAreComplete() {
    Metadata metadata = new Metadata(new SyntheticVocabulary(300).metadata());
    assertEquals("gpt2", metadata.text("tokenizer.ggml.model").orElseThrow());
    assertEquals("olmo", metadata.text("tokenizer.ggml.pre").orElseThrow());
    assertEquals(300, metadata.texts("tokenizer.ggml.tokens").orElseThrow().size());
    assertEquals(16, metadata.texts("tokenizer.ggml.merges").orElseThrow().size());
    assertEquals(299, metadata.whole("tokenizer.ggml.eos_token_id").orElseThrow());
    assertEquals(1, metadata.whole("tokenizer.ggml.padding_token_id").orElseThrow());
    assertEquals(false, metadata.flag("tokenizer.ggml.add_bos_token").orElseThrow());
    List<Long> kinds = metadata.wholes("tokenizer.ggml.token_type").orElseThrow();
    assertEquals(300, kinds.size());
    assertArrayEquals(
        new long[] {4, 3, 1, 4, 4, 4, 3},
        Arrays.stream(new int[] {0, 1, 2, 274, 296, 297, 299}).mapToLong(kinds::get).toArray());
  }

  @ParameterizedTest
  @CsvSource({
    "0,256,4,8,2,256,1024,512",
    "2,0,4,8,2,256,1024,512",
    "2,256,0,8,2,256,1024,512",
    "2,256,3,8,2,256,1024,512",
    "2,256,256,8,2,256,1024,512",
    "2,256,4,0,0,256,1024,512",
    "2,256,4,8,9,256,1024,512",
    "2,256,4,8,0,256,1024,512",
    "2,256,4,8,2,0,1024,512",
    "2,256,4,8,2,256,284,512",
    "2,256,4,8,2,256,262145,512",
    "2,256,4,8,2,256,1024,0",
    "2000000000,65536,4,8,2,256,1024,512"
  })
  void shapesThatMakeNoSenseAreRefused(
      int layers,
      int width,
      int heads,
      int experts,
      int used,
      int hidden,
      int tokens,
      int context) {
    assertThrows(
        InvalidRequest.class,
        () ->
            new SyntheticShape("x", layers, width, heads, experts, used, hidden, tokens, context));
  }

  /** Byte-pair encoding another way: all occurrences of the best pair at once. */
  private static List<String> encode(String word, Map<String, Integer> ranks) {
    List<String> parts = new ArrayList<>(Arrays.asList(word.split("")));
    while (true) {
      String best = null;
      for (int i = 0; i + 1 < parts.size(); i++) {
        String pair = parts.get(i) + " " + parts.get(i + 1);
        if (ranks.containsKey(pair) && (best == null || ranks.get(pair) < ranks.get(best))) {
          best = pair;
        }
      }
      if (best == null) {
        return parts;
      }
      for (int i = 0; i + 1 < parts.size(); i++) {
        if (best.equals(parts.get(i) + " " + parts.get(i + 1))) {
          parts.set(i, parts.get(i) + parts.remove(i + 1));
        }
      }
    }
  }
}
