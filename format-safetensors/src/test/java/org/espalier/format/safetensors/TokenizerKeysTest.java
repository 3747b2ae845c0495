package org.espalier.format.safetensors;

import static org.espalier.format.safetensors.CheckpointFolder.entry;
import static org.espalier.format.safetensors.CheckpointFolder.header;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.ModelArtifact;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

final class TokenizerKeysTest {
  private static final String NFC = "{\"type\":\"NFC\"}";
  private static final String BYTES =
      "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true}";
  private static final String ADDED =
      """
      {"id":0,"content":"|||X|||","special":false},{"id":4,"content":"   ","special":false},
      {"id":5,"content":"<|end|>","special":true}\
      """;
  private static final String VOCABULARY = "\"a\":1,\"b\":2,\"ab\":3";

  @TempDir Path path;
  private CheckpointFolder folder;
  private String normalizer = NFC;
  private String split = BYTES;
  private String model = "\"type\":\"BPE\"";
  private String vocabulary = VOCABULARY;
  private String added = ADDED;
  private String merges = "\"a b\"";

  @BeforeEach
  void start() {
    folder =
        new CheckpointFolder(path)
            .withModel(header(entry("embedding", "F16", "[9,2]", 0, 36)), 36)
            .with("config.json", "{\"vocab_size\":9}");
  }

  private Metadata read() {
    folder.with(
        "tokenizer.json",
        "{\"added_tokens\":[%s],\"normalizer\":%s,\"pre_tokenizer\":%s,\"model\":{%s,\"vocab\":{%s},\"merges\":[%s]}}"
            .formatted(added, normalizer, split, model, vocabulary, merges));
    try (ModelArtifact artifact = folder.open()) {
      return artifact.metadata();
    }
  }

  private static List<String> tokens(Metadata metadata) {
    return metadata.texts("tokenizer.ggml.tokens").orElseThrow();
  }

  private static OptionalLong id(Metadata metadata, String name) {
    return metadata.whole("tokenizer.ggml." + name + "_token_id");
  }

  @Test
  void tokensOutsideTheVocabularyAndPaddingAreListed() {
    Metadata metadata = read();
    assertEquals("gpt2", metadata.text("tokenizer.ggml.model").orElseThrow());
    assertEquals("olmo", metadata.text("tokenizer.ggml.pre").orElseThrow());
    assertEquals(
        List.of("|||X|||", "a", "b", "ab", "   ", "<|end|>", "[PAD6]", "[PAD7]", "[PAD8]"),
        tokens(metadata));
    assertEquals(
        List.of(4L, 1L, 1L, 1L, 4L, 3L, 5L, 5L, 5L),
        metadata.wholes("tokenizer.ggml.token_type").orElseThrow());
    assertEquals(List.of("a b"), metadata.texts("tokenizer.ggml.merges").orElseThrow());
    assertEquals(false, metadata.flag("tokenizer.ggml.add_bos_token").orElseThrow());
    assertFalse(metadata.has("tokenizer.ggml.add_eos_token"));
  }

  @Test
  void addedTokensMayBeInTheVocabularyToo() {
    vocabulary = VOCABULARY + ",\"|||X|||\":0,\"   \":4,\"<|end|>\":5";
    assertEquals(
        List.of(4L, 1L, 1L, 1L, 4L, 3L, 5L, 5L, 5L),
        read().wholes("tokenizer.ggml.token_type").orElseThrow());
  }

  @Test
  void theConfigurationMayAddTokensAndKnowsNoBetterNames() {
    folder.with(
        "tokenizer_config.json",
        """
        {"added_tokens_decoder":{"5":{"content":"other","special":false},
         "7":{"content":"<|user|>","special":true}},"eos_token":"<|user|>"}\
        """);
    Metadata metadata = read();
    assertEquals(
        List.of("<|end|>", "[PAD6]", "<|user|>", "[PAD8]"), tokens(metadata).subList(5, 9));
    assertEquals(3L, metadata.wholes("tokenizer.ggml.token_type").orElseThrow().get(7));
    assertEquals(7, id(metadata, "eos").orElseThrow());
  }

  @Test
  void paddingNeedsRowsThatAreThere() {
    folder.with("config.json", "{\"vocab_size\":2000000000}");
    assertEquals(6, tokens(read()).size());
    folder.with("config.json", "{\"vocab_size\":3}");
    assertEquals(6, tokens(read()).size());
    folder.with("config.json", "{}");
    assertEquals(6, tokens(read()).size());
  }

  @Test
  void mergesMayBePairs() {
    merges = "[\"a\",\"b\"],\"a b\",[\"b\",\"a\"]";
    assertEquals(List.of("a b", "a b", "b a"), read().texts("tokenizer.ggml.merges").orElseThrow());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[\"a\"]",
        "[\"a\",\"b\",\"c\"]",
        "[\"a\",1]",
        "[\"a b\",\"c\"]",
        "[\"a\",\" \"]",
        "5",
        "null",
        "{}"
      })
  void refusesOtherMerges(String merge) {
    merges = "\"a b\"," + merge;
    MalformedModel failure = assertThrows(MalformedModel.class, this::read);
    assertTrue(failure.getMessage().contains("merge 1 "), failure.getMessage());
    assertTrue(failure.getMessage().contains("tokenizer.json"), failure.getMessage());
  }

  static Stream<Arguments> splits() {
    return Stream.of(
        Arguments.of(NFC, BYTES, "olmo"),
        Arguments.of("null", BYTES, "gpt-2"),
        Arguments.of(
            "{\"type\":\"Sequence\",\"normalizers\":[" + NFC + "]}",
            "{\"type\":\"Sequence\",\"pretokenizers\":[" + BYTES + "]}",
            "olmo"),
        Arguments.of(NFC, "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}", "olmo"),
        Arguments.of(
            NFC,
            BYTES.replace("false", "true"),
            "huggingface [NFC], ByteLevel with add_prefix_space or without use_regex"),
        Arguments.of(
            NFC,
            "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}",
            "huggingface [NFC], ByteLevel with add_prefix_space or without use_regex"),
        Arguments.of(
            "{\"type\":\"NFKC\"}",
            BYTES,
            "huggingface [NFKC], ByteLevel with add_prefix_space or" + " without use_regex"),
        Arguments.of("null", "null", "huggingface [], []"),
        Arguments.of(
            "null",
            "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\"}," + BYTES + "]}",
            "huggingface [], [Split, ByteLevel]"));
  }

  @ParameterizedTest
  @MethodSource("splits")
  void splitsAreRecognisedByWhatTheyDo(String normalizer, String split, String expected) {
    this.normalizer = normalizer;
    this.split = split;
    assertEquals(expected, read().text("tokenizer.ggml.pre").orElseThrow());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "'\"type\":\"BPE\",\"byte_fallback\":true'; huggingface BPE with byte_fallback",
        "'\"type\":\"BPE\",\"ignore_merges\":true'; huggingface BPE with ignore_merges",
        "'\"type\":\"BPE\",\"end_of_word_suffix\":\"</w>\"';"
            + " huggingface BPE with end_of_word_suffix",
        "'\"type\":\"BPE\",\"continuing_subword_prefix\":\"\",\"unk_token\":null'; gpt2",
        "'\"dropout\":null'; gpt2"
      })
  void modelsAreRecognisedByWhatTheyDo(String members, String expected) {
    model = members;
    assertEquals(expected, read().text("tokenizer.ggml.model").orElseThrow());
  }

  @Test
  void otherModelsAreNamedAndLeftAlone() {
    folder.with("tokenizer.json", "{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",0.5]]}}");
    try (ModelArtifact artifact = folder.open()) {
      assertEquals(
          "huggingface Unigram", artifact.metadata().text("tokenizer.ggml.model").orElseThrow());
      assertFalse(artifact.metadata().has("tokenizer.ggml.tokens"));
    }
  }

  @Test
  void specialTokensAreFoundByText() {
    folder.with(
        "tokenizer_config.json",
        """
        {"bos_token":null,"eos_token":"<|end|>","unk_token":"a","add_eos_token":true,
         "add_bos_token":true,"pad_token":{"content":"   ","lstrip":false}}\
        """);
    Metadata metadata = read();
    assertEquals(OptionalLong.empty(), id(metadata, "bos"));
    assertEquals(5, id(metadata, "eos").orElseThrow());
    assertEquals(1, id(metadata, "unknown").orElseThrow());
    assertEquals(4, id(metadata, "padding").orElseThrow());
    assertEquals(true, metadata.flag("tokenizer.ggml.add_bos_token").orElseThrow());
    assertEquals(true, metadata.flag("tokenizer.ggml.add_eos_token").orElseThrow());
  }

  @Test
  void orElseById() {
    folder
        .with("tokenizer_config.json", "{\"eos_token\":\"not there\"}")
        .with("generation_config.json", "{\"eos_token_id\":[5,1],\"pad_token_id\":[]}")
        .with(
            "config.json",
            "{\"eos_token_id\":3,\"pad_token_id\":4,\"bos_token_id\":600,\"unk_token_id\":-1}");
    Metadata metadata = read();
    assertEquals(5, id(metadata, "eos").orElseThrow());
    assertEquals(4, id(metadata, "padding").orElseThrow());
    assertEquals(OptionalLong.empty(), id(metadata, "bos"));
    assertEquals(OptionalLong.empty(), id(metadata, "unknown"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"a\":-1",
        "\"a\":1048576",
        "\"a\":1.5",
        "\"a\":\"1\"",
        "\"a\":null",
        "\"a\":1e3",
        "\"a\":1,\"b\":1",
        "\"a\":99999999999999999999"
      })
  void refusesOtherIds(String vocabulary) {
    this.vocabulary = vocabulary;
    MalformedModel failure = assertThrows(MalformedModel.class, this::read);
    assertTrue(failure.getMessage().contains("tokenizer.json"), failure.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"id\":5}",
        "{\"content\":\"x\"}",
        "{\"id\":-5,\"content\":\"x\"}",
        "5",
        "{\"id\":5,\"content\":7}",
        "{\"id\":5,\"content\":\"x\",\"special\":1}"
      })
  void refusesOtherAddedTokens(String added) {
    this.added = added;
    assertThrows(MalformedModel.class, this::read);
  }

  @ParameterizedTest
  @ValueSource(strings = {"x", "-1", "1048576", "99999999", "١"})
  void refusesOtherIdsInTheConfiguration(String id) {
    folder.with(
        "tokenizer_config.json", "{\"added_tokens_decoder\":{\"" + id + "\":{\"content\":\"x\"}}}");
    assertThrows(MalformedModel.class, this::read);
  }

  @Test
  void refusesAVocabularyOfNothing() {
    vocabulary = "";
    added = "";
    MalformedModel failure = assertThrows(MalformedModel.class, this::read);
    assertTrue(failure.getMessage().contains("no tokens"), failure.getMessage());
  }
}
