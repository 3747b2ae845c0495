package org.espalier.runtime.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.espalier.api.EspalierException;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Vocabularies that no trainer made. */
class HostileVocabularyTest {

  private static Metadata with(String key, MetadataValue value) {
    return Fixtures.metadata(Fixtures.bytesAnd("ab"), List.of("a b"))
        .with(Map.of("tokenizer.ggml." + key, value));
  }

  private static Metadata without(String key) {
    Metadata whole = with("pre", new MetadataValue.Text("olmo"));
    Map<String, MetadataValue> entries = new LinkedHashMap<>(whole.entries());
    entries.remove("tokenizer.ggml." + key);
    return new Metadata(entries);
  }

  private static <E extends EspalierException> void refused(
      Class<E> type, Metadata metadata, String part) {
    String message = assertThrows(type, () -> Fixtures.quiet(metadata)).getMessage();
    assertTrue(message.contains(part), message);
    assertTrue(message.length() < 250, message);
  }

  @Test
  void missingParts() {
    refused(MalformedModel.class, Metadata.empty(), "tokenizer.ggml.tokens");
    refused(MalformedModel.class, without("tokens"), "tokenizer.ggml.tokens");
    refused(MalformedModel.class, without("merges"), "tokenizer.ggml.merges");
    refused(MalformedModel.class, with("tokens", new MetadataValue.Texts(List.of())), "is empty");
    List<String> notices = new ArrayList<>();
    Tokenizer.of(without("model"), TokenizerCompatibility.HUGGING_FACE, notices::add);
    assertTrue(notices.contains("tokenizer.ggml.model is missing: reading it as 'gpt2'"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama", "bert", "t5", "rwkv", "no_vocab", ""})
  void otherTokenizers(String model) {
    refused(Unsupported.class, with("model", new MetadataValue.Text(model)), "'" + model + "'");
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-bpe", "qwen2", "dbrx", "nonsense", ""})
  void otherPreTokenizers(String pre) {
    refused(Unsupported.class, with("pre", new MetadataValue.Text(pre)), "gpt-2, mpt, olmo");
  }

  @Test
  void wrongTypes() {
    refused(MalformedModel.class, with("tokens", new MetadataValue.Text("x")), "tokens");
    refused(
        MalformedModel.class, with("eos_token_id", new MetadataValue.Text("x")), "eos_token_id");
    refused(
        MalformedModel.class,
        with("token_type", TokenizerTest.wholes(List.of(1L, 1L))),
        "2 entries for 257 tokens");
    for (long number : new long[] {-1, 7, 1L << 33, Long.MIN_VALUE}) {
      refused(
          MalformedModel.class,
          with("token_type", TokenizerTest.wholes(Collections.nCopies(257, number))),
          "token_type[0] is " + number);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", " ", "a", "ab", " a", "a ", "a  b", "a b c", "a x y", "b a", "é é", "ab ab"})
  void badMerges(String line) {
    refused(
        MalformedModel.class,
        with("merges", new MetadataValue.Texts(List.of("a b", line))),
        "merges[1]");
  }

  @Test
  void longNonsenseIsNotQuotedInFull() {
    refused(
        MalformedModel.class,
        with("merges", new MetadataValue.Texts(List.of("x".repeat(100_000)))),
        "merges[0]");
  }

  @Test
  void ofEqualTokensTheFirstIsMade() {
    List<String> tokens = Fixtures.bytesAnd("ab", "ab", "a", "  ", "  ", "", "");
    Tokenizer tokenizer = Fixtures.quiet(Fixtures.metadata(tokens, List.of("a b")));
    assertArrayEquals(new int[] {256, 'a', 259}, tokenizer.encode("aba  ", true));
    assertEquals("abab", tokenizer.decode(256, 257));
    assertEquals("", tokenizer.decode(261, 262));
  }

  @Test
  void ofEqualMergesTheLastCountsAsForHuggingFaceAndTheFirstAsForLlamaCpp() {
    Metadata metadata =
        Fixtures.metadata(Fixtures.bytesAnd("ab", "bc"), List.of("a b", "b c", "a b"));
    int[] last = {'a', 257};
    int[] first = {256, 'c'};
    assertArrayEquals(last, Fixtures.quiet(metadata).encode("abc", true));
    assertArrayEquals(
        first,
        Tokenizer.of(metadata, TokenizerCompatibility.LLAMA_CPP, notice -> {}).encode("abc", true));
  }

  /** A token that merges reach only from other parts than its own bytes give is not made. */
  @Test
  void unreachableTokensAreNotMade() {
    Metadata metadata =
        Fixtures.metadata(
            Fixtures.bytesAnd("ab", "bc", "abc", "zz"), List.of("a b", "b c", "a bc"));
    Tokenizer tokenizer = Fixtures.quiet(metadata);
    assertArrayEquals(new int[] {256, 'c'}, tokenizer.encode("abc", true));
    assertArrayEquals(new int[] {'z', 'z'}, tokenizer.encode("zz", true));
  }

  @Test
  void aMissingByteIsSaidWhenItIsNeeded() {
    List<String> tokens = Fixtures.bytesAnd();
    tokens.set('x', "[unused]");
    Tokenizer tokenizer = Fixtures.quiet(Fixtures.metadata(tokens, List.of()));
    assertArrayEquals(new int[] {'a'}, tokenizer.encode("a", true));
    String message =
        assertThrows(MalformedModel.class, () -> tokenizer.encode("axe", true)).getMessage();
    assertTrue(message.contains("0x78"), message);
    Tokenizer none = Fixtures.quiet(Fixtures.metadata(List.of("hello"), List.of()));
    assertArrayEquals(new int[0], none.encode("", true));
    assertThrows(MalformedModel.class, () -> none.encode("hello", true));
    assertEquals("hello", none.decode(0));
  }

  @Test
  void unusedTokensStandForNothing() {
    List<Long> types = new ArrayList<>(Collections.nCopies(257, 1L));
    types.set(256, 5L);
    Tokenizer tokenizer = Fixtures.quiet(with("token_type", TokenizerTest.wholes(types)));
    assertEquals("a", tokenizer.decode('a', 256));
  }

  /** Only what no merge makes is taken for an added token. */
  @Test
  void formAloneDoesNotMakeAnAddedToken() {
    List<String> tokens =
        Fixtures.bytesAnd("<|", "|>", "<||>", "<|user|>", "[PAD0]", "|||X|||", "\u2581the");
    Tokenizer tokenizer = Fixtures.quiet(Fixtures.metadata(tokens, List.of("< |", "| >", "<| |>")));
    assertArrayEquals(new int[] {258}, tokenizer.encode("<||>", false));
    assertArrayEquals(
        new int[] {259, 261, 262}, tokenizer.encode("<|user|>|||X|||\u2581the", true));
    assertEquals(6, tokenizer.encode("[PAD0]", true).length);
    assertTrue(tokenizer.isControl(259));
  }

  @Test
  void addedTokensMayOverlapWithNothingLeftOver() {
    List<String> tokens = Fixtures.bytesAnd("a ", " b", "a b c");
    Tokenizer tokenizer = Fixtures.quiet(Fixtures.metadata(tokens, List.of()));
    assertArrayEquals(new int[] {258}, tokenizer.encode("a b c", true));
    assertArrayEquals(new int[] {256, 'b', ' '}, tokenizer.encode("a b ", true));
    assertArrayEquals(new int[] {'x', 257, 'd'}, tokenizer.encode("x bd", true));
  }
}
