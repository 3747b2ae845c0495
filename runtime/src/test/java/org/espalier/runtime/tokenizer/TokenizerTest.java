package org.espalier.runtime.tokenizer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.text.Normalizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizerTest {
  private static final Tokenizer OLMO = Fixtures.quiet(Fixtures.olmo());

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5, 20, 100})
  void decodingGivesTheComposedText(int length) {
    RandomTexts texts = new RandomTexts(length);
    for (int i = 0; i < 1500; i++) {
      String text = i % 2 == 0 ? texts.unicode(length) : texts.plain(length);
      String composed = Normalizer.normalize(text, Normalizer.Form.NFC);
      assertEquals(composed, OLMO.decode(OLMO.encode(text, true)));
      assertEquals(composed, OLMO.decode(OLMO.encode(text, false)));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 10})
  void streamedTextIsTheDecodedText(int length) {
    RandomTexts texts = new RandomTexts(length);
    for (int i = 0; i < 300; i++) {
      int[] ids = OLMO.encode(texts.withSpecial(length), true);
      Utf8Stream stream = new Utf8Stream();
      StringBuilder streamed = new StringBuilder();
      for (int id : ids) {
        streamed.append(stream.accept(OLMO.bytes(id)));
      }
      assertEquals(OLMO.decode(ids), streamed.append(stream.finish()).toString());
    }
  }

  @Test
  void bothWaysOfReadingAgreeWithTheirModels() {
    Tokenizer llamaCpp =
        Tokenizer.of(Fixtures.olmo(), TokenizerCompatibility.LLAMA_CPP, notice -> {});
    List<String> lines = new String(Fixtures.resource("olmo-both.jsonl"), UTF_8).lines().toList();
    assertEquals(210, lines.size());
    for (String line : lines) {
      Map<String, Object> json = Json.object(line);
      String text = (String) json.get("text");
      assertArrayEquals(Json.ids(json.get("hf")), OLMO.encode(text, true), text);
      assertArrayEquals(Json.ids(json.get("hfPlain")), OLMO.encode(text, false), text);
      assertArrayEquals(Json.ids(json.get("llama")), llamaCpp.encode(text, true), text);
      assertArrayEquals(Json.ids(json.get("llamaPlain")), llamaCpp.encode(text, false), text);
    }
  }

  @Test
  void llamaCppTakesTheStarForTheEnd() {
    Tokenizer tokenizer =
        Tokenizer.of(Fixtures.olmo(), TokenizerCompatibility.LLAMA_CPP, notice -> {});
    assertEquals(OptionalInt.of(11), tokenizer.endOfText());
    assertEquals("*", tokenizer.decode(11));
    assertTrue(tokenizer.endsGeneration(11));
    assertTrue(tokenizer.endsGeneration(50279));
    assertEquals(OptionalInt.empty(), tokenizer.beginningOfText());
  }

  @Test
  void controlTokensAreTextUnlessParsed() {
    assertArrayEquals(new int[] {66, 50279, 67}, OLMO.encode("a<|endoftext|>b", true));
    int[] plain = OLMO.encode("a<|endoftext|>b", false);
    assertTrue(IntStream.of(plain).noneMatch(OLMO::isControl));
    assertEquals("a<|endoftext|>b", OLMO.decode(plain));
    assertArrayEquals(new int[] {0, 50276}, OLMO.encode("|||IP_ADDRESS|||  ", false));
  }

  /** The stroke would compose with the last character of the token, were it looked at first. */
  @Test
  void controlTokensAreCutOutBeforeComposing() {
    int[] ids = OLMO.encode("<|endoftext|>\u0338", true);
    assertEquals(50279, ids[0]);
    assertEquals("<|endoftext|\u226F", OLMO.decode(OLMO.encode("<|endoftext|>\u0338", false)));
  }

  @Test
  void whatTheCompleteFileSaysIsWhatIsRepaired() {
    Metadata bare = Fixtures.tinyTales();
    List<String> tokens = bare.texts("tokenizer.ggml.tokens").orElseThrow();
    List<Long> types =
        IntStream.range(0, tokens.size())
            .mapToObj(id -> id == 1 || id == 4079 ? 3L : id == 0 || id >= 4070 ? 4L : 1L)
            .toList();
    Metadata complete =
        bare.with(
            Map.of(
                "tokenizer.ggml.pre", new MetadataValue.Text("olmo"),
                "tokenizer.ggml.token_type", wholes(types),
                "tokenizer.ggml.eos_token_id", whole(4079),
                "tokenizer.ggml.padding_token_id", whole(1),
                "tokenizer.ggml.add_bos_token", new MetadataValue.Flag(false)));
    List<String> notices = new ArrayList<>();
    Tokenizer whole = Tokenizer.of(complete, TokenizerCompatibility.HUGGING_FACE, notices::add);
    assertEquals(List.of(), notices);
    Tokenizer repaired = Tokenizer.of(bare, TokenizerCompatibility.HUGGING_FACE, notices::add);
    assertEquals(
        List.of(
            "tokenizer.ggml.pre is missing: reading it as 'olmo'",
            "tokenizer.ggml.eos_token_id is missing: taking 4079 ('<|endoftext|>')",
            "tokenizer.ggml.padding_token_id is missing: taking 1 ('<|padding|>')",
            "tokenizer.ggml.token_type is missing: 12 added tokens recognised by their form"),
        notices);
    assertEquals(whole.fingerprint(), repaired.fingerprint());
    assertEquals(OptionalInt.of(4079), repaired.endOfText());
    assertEquals(OptionalInt.of(1), repaired.padding());
    assertEquals(OptionalInt.empty(), repaired.beginningOfText());
    for (int id = 0; id < repaired.size(); id++) {
      assertEquals(id == 1 || id == 4079, repaired.isControl(id));
      assertEquals(id == 4079, repaired.endsGeneration(id));
    }
  }

  /** Without an end-of-text token nothing ends a text, least of all token 11. */
  @Test
  void aListThatWasCutShortIsTakenAsItIs() {
    Metadata olmo = Fixtures.olmo();
    List<String> tokens = olmo.texts("tokenizer.ggml.tokens").orElseThrow();
    Metadata cut =
        olmo.with(
            Map.of(
                "tokenizer.ggml.tokens",
                new MetadataValue.Texts(tokens.subList(0, 50254)),
                "tokenizer.ggml.eos_token_id",
                whole(50279)));
    List<String> notices = new ArrayList<>();
    Tokenizer tokenizer = Tokenizer.of(cut, TokenizerCompatibility.HUGGING_FACE, notices::add);
    assertEquals(50254, tokenizer.size());
    assertEquals(OptionalInt.empty(), tokenizer.endOfText());
    assertTrue(IntStream.range(0, 50304).noneMatch(tokenizer::endsGeneration));
    assertTrue(
        notices.contains(
            "tokenizer.ggml.eos_token_id is 50279 but there are only 50254 tokens: ignoring it"));
    assertTrue(
        notices.contains(
            "tokenizer.ggml.eos_token_id is missing and no token is called '<|endoftext|>': no token"
                + " ends a text"));
    String text = "a    b<|endoftext|>";
    assertEquals(text, tokenizer.decode(tokenizer.encode(text, true)));
  }

  @Test
  void overriddenIdsCount() {
    Metadata metadata =
        Fixtures.olmo()
            .with(
                Map.of(
                    "tokenizer.ggml.eos_token_id", whole(50278),
                    "tokenizer.ggml.eot_token_id", whole(50277),
                    "tokenizer.ggml.bos_token_id", whole(50279),
                    "tokenizer.ggml.add_bos_token", new MetadataValue.Flag(true),
                    "tokenizer.ggml.add_eos_token", new MetadataValue.Flag(true)));
    Tokenizer tokenizer = Fixtures.quiet(metadata);
    assertEquals(OptionalInt.of(50278), tokenizer.endOfText());
    assertEquals(OptionalInt.of(50279), tokenizer.beginningOfText());
    assertTrue(tokenizer.closesText());
    assertTrue(tokenizer.endsGeneration(50277));
    assertTrue(tokenizer.endsGeneration(50279));
    assertFalse(tokenizer.endsGeneration(11));
    assertFalse(OLMO.fingerprint().equals(tokenizer.fingerprint()));
  }

  @ParameterizedTest
  @CsvSource({"gpt-2,e\u0301", "phi-2,e\u0301", "mpt,\u00e9", "olmo,\u00e9", "default,\u00e9"})
  void whetherTextIsComposedDependsOnTheFamily(String pre, String expected) {
    Metadata metadata =
        Fixtures.olmo().with(Map.of("tokenizer.ggml.pre", new MetadataValue.Text(pre)));
    Tokenizer tokenizer = Fixtures.quiet(metadata);
    assertEquals(expected, tokenizer.decode(tokenizer.encode("e\u0301", true)));
  }

  @Test
  void unpairedSurrogatesBecomeReplacementCharacters() {
    assertEquals("a\uFFFDb\uFFFD🙂", OLMO.decode(OLMO.encode("a\uD83Db\uDE42🙂", true)));
    assertEquals("\uFFFD", OLMO.decode(OLMO.encode("\uD83D", true)));
  }

  @Test
  void idsThatAreNotThere() {
    assertArrayEquals(new byte[0], OLMO.bytes(50280));
    assertEquals("a", OLMO.decode(66, 50303, Integer.MAX_VALUE));
    assertFalse(OLMO.isControl(50280));
    assertFalse(OLMO.isControl(-1));
    assertFalse(OLMO.endsGeneration(-1));
    assertThrows(InvalidRequest.class, () -> OLMO.bytes(-1));
    assertThrows(InvalidRequest.class, () -> OLMO.decode(66, -7));
    assertThrows(InvalidRequest.class, () -> OLMO.name(50280));
    assertThrows(InvalidRequest.class, () -> OLMO.name(-1));
    assertEquals("ĠWorld", OLMO.name(OLMO.encode(" World", true)[0]));
    assertEquals("", OLMO.decode());
  }

  @Test
  void bytesCannotBeChangedFromOutside() {
    OLMO.bytes(66)[0] = 0;
    assertEquals("a", OLMO.decode(66));
  }

  @Test
  void manyThreadsGetWhatOneGets() {
    RandomTexts random = new RandomTexts(1);
    List<String> texts = IntStream.range(0, 400).mapToObj(i -> random.withSpecial(60)).toList();
    List<List<Integer>> alone = texts.stream().map(TokenizerTest::ids).toList();
    assertEquals(alone, texts.parallelStream().map(TokenizerTest::ids).toList());
  }

  private static List<Integer> ids(String text) {
    return IntStream.of(OLMO.encode(text, true)).boxed().toList();
  }

  @Test
  void fingerprintIsStable() {
    assertEquals(64, OLMO.fingerprint().length());
    assertEquals(OLMO.fingerprint(), Fixtures.quiet(Fixtures.olmo()).fingerprint());
    assertFalse(
        OLMO.fingerprint()
            .equals(
                Tokenizer.of(Fixtures.olmo(), TokenizerCompatibility.LLAMA_CPP, notice -> {})
                    .fingerprint()));
  }

  static MetadataValue whole(long value) {
    return new MetadataValue.Whole(MetadataValue.WholeType.UINT32, value);
  }

  static MetadataValue wholes(List<Long> values) {
    return new MetadataValue.Wholes(MetadataValue.WholeType.INT32, values);
  }
}
