package org.espalier.runtime.generation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.runtime.generation.ScriptedSession.Pass;
import org.espalier.runtime.sampling.SamplingOptions;
import org.espalier.runtime.tokenizer.Tokenizer;
import org.espalier.runtime.tokenizer.TokenizerCompatibility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class GeneratorTest {
  private static final int END = 0;
  private static final int ROLE = 1;
  private static final int VOCABULARY = 12;

  /** Ten tokens; the last two of the vocabulary are padding that the tokenizer does not know. */
  private static final List<byte[]> TOKENS =
      List.of(
          text("<end>"),
          text("<role>"),
          text("one"),
          text(" two"),
          text("ST"),
          text("OP"),
          text("!"),
          new byte[] {(byte) 0xE2, (byte) 0x82},
          new byte[] {(byte) 0xAC},
          text("x"));

  private OptionalInt beginning = OptionalInt.empty();

  private final TokenTexts texts =
      new TokenTexts() {
        @Override
        public int size() {
          return TOKENS.size();
        }

        @Override
        public byte[] bytes(int token) {
          return TOKENS.get(token);
        }

        @Override
        public boolean isControl(int token) {
          return token == END || token == ROLE;
        }

        @Override
        public boolean endsGeneration(int token) {
          return token == END;
        }

        @Override
        public OptionalInt beginningOfText() {
          return beginning;
        }
      };

  /** Writes down what happens. */
  private static final class Diary implements GenerationListener {
    final List<String> events = new ArrayList<>();
    int passesUntilCancelled = Integer.MAX_VALUE;

    @Override
    public void prompt(int done, int total) {
      events.add("prompt " + done + "/" + total);
    }

    @Override
    public void token(int token, String text) {
      events.add(token + " '" + text + "'");
    }

    @Override
    public void flush(String text) {
      events.add("flush '" + text + "'");
    }

    @Override
    public boolean cancelled() {
      return passesUntilCancelled-- <= 0;
    }
  }

  @Test
  void readsThePromptInBatchesAndOnlyWantsLogitsOfItsEnd() {
    ScriptedSession session = new ScriptedSession(100, VOCABULARY, 9, 9, 9, 9, 2, 3, END);
    Diary diary = new Diary();
    GenerationResult result =
        generator(session, 2).generate(new int[] {6, 7, 8, 9, 6}, greedy(-1), diary);
    assertEquals(
        List.of(
            new Pass(List.of(6, 7), 0),
            new Pass(List.of(8, 9), 0),
            new Pass(List.of(6), 1),
            new Pass(List.of(2), 1),
            new Pass(List.of(3), 1)),
        session.passes);
    assertEquals(
        List.of("prompt 2/5", "prompt 4/5", "prompt 5/5", "2 'one'", "3 ' two'", END + " ''"),
        diary.events);
    assertEquals(List.of(2, 3, END), result.tokens());
    assertEquals("one two", result.text());
    assertEquals(FinishReason.END_OF_TEXT, result.reason());
    assertEquals(5, result.promptTokens());
    assertEquals(2, result.evaluations());
    assertTrue(result.promptNanos() > 0 && result.evaluationNanos() > 0);
  }

  @Test
  void worksWithARealTokenizer() {
    Metadata metadata =
        new Metadata(
            Map.of(
                "tokenizer.ggml.model", new MetadataValue.Text("gpt2"),
                "tokenizer.ggml.pre", new MetadataValue.Text("olmo"),
                "tokenizer.ggml.tokens",
                    new MetadataValue.Texts(
                        List.of("a", "b", "ab", "<|padding|>", "<|endoftext|>")),
                "tokenizer.ggml.merges", new MetadataValue.Texts(List.of("a b"))));
    Tokenizer tokenizer = Tokenizer.of(metadata, TokenizerCompatibility.HUGGING_FACE, notice -> {});
    ScriptedSession session = new ScriptedSession(100, 8, 7, 2, 3, 0, 4);
    GenerationResult result =
        new Generator(session, tokenizer, 8, 2)
            .generate(tokenizer.encode("bab", false), greedy(-1), quiet());
    assertEquals(List.of(2, 3, 0, 4), result.tokens());
    assertEquals("aba", result.text());
    assertEquals(FinishReason.END_OF_TEXT, result.reason());
    assertThrows(
        InvalidRequest.class,
        () -> new Generator(session, tokenizer, 8, 2).generate(new int[0], greedy(1), quiet()));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 100})
  void theBatchSizeDoesNotMatter(int batch) {
    ScriptedSession session = new ScriptedSession(100, VOCABULARY, 9, 9, 9, 2, 3, END);
    GenerationResult result =
        generator(session, batch).generate(new int[] {6, 7, 8, 9}, greedy(-1), quiet());
    assertEquals(List.of(2, 3, END), result.tokens());
    assertEquals(1, session.passes.stream().filter(p -> p.tokens().contains(9)).count());
  }

  @Test
  void stopTextsAcrossTokensAreNeverShown() {
    ScriptedSession session = new ScriptedSession(100, VOCABULARY, 2, 4, 6, 4, 5, 2);
    Diary diary = new Diary();
    GenerationOptions options =
        new GenerationOptions(-1, SamplingOptions.GREEDY, 0, List.of("STOP"), false);
    GenerationResult result = generator(session, 8).generate(new int[] {9}, options, diary);
    assertEquals(List.of("prompt 1/1", "2 'one'", "4 ''", "6 'ST!'", "4 ''", "5 ''"), diary.events);
    assertEquals("oneST!", result.text());
    assertEquals(FinishReason.STOP_TEXT, result.reason());
    assertEquals(List.of(2, 4, 6, 4, 5), result.tokens());
  }

  @Test
  void textHeldBackInVainIsFlushed() {
    ScriptedSession session = new ScriptedSession(100, VOCABULARY, 2, 4, 5);
    Diary diary = new Diary();
    GenerationOptions options =
        new GenerationOptions(2, SamplingOptions.GREEDY, 0, List.of("STOP"), false);
    GenerationResult result = generator(session, 8).generate(new int[] {9}, options, diary);
    assertEquals(List.of("prompt 1/1", "2 'one'", "4 ''", "flush 'ST'"), diary.events);
    assertEquals("oneST", result.text());
    assertEquals(FinishReason.LENGTH, result.reason());
    assertEquals(1, result.evaluations(), "the last token is not computed");
  }

  @Test
  void charactersAreShownWhole() {
    ScriptedSession session = new ScriptedSession(100, VOCABULARY, 7, 8, 7);
    Diary diary = new Diary();
    GenerationResult result = generator(session, 8).generate(new int[] {9}, greedy(3), diary);
    assertEquals(List.of("prompt 1/1", "7 ''", "8 '€'", "7 ''", "flush '\uFFFD'"), diary.events);
    assertEquals("€\uFFFD", result.text());
  }

  @Test
  void controlTokensAreNotShown() {
    ScriptedSession session = new ScriptedSession(100, VOCABULARY, 2, ROLE, 3, END);
    assertEquals(
        "one two", generator(session, 8).generate(new int[] {9}, greedy(-1), quiet()).text());
  }

  @Test
  void zeroTokensOnlyReadThePrompt() {
    ScriptedSession session = new ScriptedSession(100, VOCABULARY, 2);
    GenerationResult result = generator(session, 8).generate(new int[] {9, 9}, greedy(0), quiet());
    assertEquals(FinishReason.LENGTH, result.reason());
    assertEquals(List.of(), result.tokens());
    assertEquals(2, session.position());
  }

  @Test
  void endsWhenTheContextIsFull() {
    ScriptedSession session =
        new ScriptedSession(10, VOCABULARY, IntStream.generate(() -> 2).limit(20).toArray());
    GenerationResult result =
        generator(session, 8).generate(new int[] {9, 9, 9, 9, 9, 9}, greedy(-1), quiet());
    assertEquals(FinishReason.CONTEXT_FULL, result.reason());
    assertEquals(5, result.tokens().size(), "four fit, and one is drawn after the last");
    assertEquals(10, session.position());
  }

  @Test
  void stopsWhenAskedTo() {
    for (int passes = 0; passes < 5; passes++) {
      ScriptedSession session =
          new ScriptedSession(100, VOCABULARY, IntStream.generate(() -> 2).limit(50).toArray());
      Diary diary = new Diary();
      diary.passesUntilCancelled = passes;
      GenerationResult result =
          generator(session, 2).generate(new int[] {9, 9, 9}, greedy(-1), diary);
      assertEquals(FinishReason.CANCELLED, result.reason());
      assertEquals(passes, session.passes.size());
      assertEquals(Math.min(3, 2 * passes), result.promptTokens());
      assertEquals(Math.max(0, passes - 1), result.tokens().size());
    }
  }

  @Test
  void theEndOfTextCanBeForbidden() {
    ScriptedSession session = new ScriptedSession(100, VOCABULARY, END, 2, END);
    GenerationOptions options =
        new GenerationOptions(3, SamplingOptions.GREEDY, 0, List.of(), true);
    GenerationResult result = generator(session, 2).generate(new int[] {9}, options, quiet());
    assertEquals(List.of(ROLE, 2, ROLE), result.tokens());
    assertEquals(FinishReason.LENGTH, result.reason());
  }

  @Test
  void paddingAfterTheVocabularyIsNeverDrawn() {
    ScriptedSession session = new ScriptedSession(100, VOCABULARY, 10, 11);
    GenerationResult result = generator(session, 2).generate(new int[] {9}, greedy(1), quiet());
    assertEquals(List.of(END), result.tokens(), "the lowest of those that are equally likely");
  }

  @Test
  void refusesAPromptThatDoesNotFit() {
    ScriptedSession session = new ScriptedSession(10, VOCABULARY, 2, 2, 2, 2, 2, 2, 2);
    Generator generator = generator(session, 8);
    InvalidRequest failure =
        assertThrows(
            InvalidRequest.class, () -> generator.generate(new int[7], greedy(1), quiet()));
    assertTrue(failure.getMessage().contains("7 tokens"), failure.getMessage());
    assertTrue(failure.getMessage().contains("context of 10"), failure.getMessage());
    assertEquals(0, session.position());

    generator.generate(new int[] {9, 9, 9}, greedy(1), quiet());
    failure =
        assertThrows(
            InvalidRequest.class, () -> generator.generate(new int[4], greedy(1), quiet()));
    assertTrue(failure.getMessage().contains("room for 3 after the 3"), failure.getMessage());
    generator.generate(new int[3], greedy(1), quiet());
    assertEquals(6, session.position());
  }

  @Test
  void refusesTokensThatDoNotExist() {
    Generator generator = generator(new ScriptedSession(10, VOCABULARY, 2), 8);
    for (int token : new int[] {-1, VOCABULARY}) {
      assertThrows(
          InvalidRequest.class, () -> generator.generate(new int[] {token}, greedy(1), quiet()));
    }
    assertThrows(InvalidRequest.class, () -> generator(new ScriptedSession(10, VOCABULARY, 2), 0));
  }

  @Test
  void anEmptyPromptIsTheBeginningOfATextWhereThereIsOne() {
    ScriptedSession session = new ScriptedSession(10, VOCABULARY, 2);
    assertThrows(
        InvalidRequest.class, () -> generator(session, 8).generate(new int[0], greedy(1), quiet()));
    beginning = OptionalInt.of(ROLE);
    generator(session, 8).generate(new int[0], greedy(1), quiet());
    assertEquals(List.of(new Pass(List.of(ROLE), 1)), session.passes);
  }

  @Test
  void penaltiesSeePromptTextAndEarlierTurns() {
    SamplingOptions penalised = new SamplingOptions(0f, 0, 1f, 0f, 1f, 1f, 6f, 0f, -1, Map.of());
    GenerationOptions one = new GenerationOptions(1, penalised, 0, List.of(), false);
    ScriptedSession session = new ScriptedSession(50, VOCABULARY, 3, 3, 2, 3, 3);
    Generator generator = generator(session, 8);
    assertEquals(List.of(3), generator.generate(new int[] {9}, one, quiet()).tokens());
    assertEquals(
        List.of(4),
        generator.generate(new int[] {3}, one, quiet()).tokens(),
        "3 is in the prompt, so the runner-up wins");
    assertEquals(List.of(2), generator.generate(new int[] {8}, one, quiet()).tokens());
    assertEquals(
        List.of(4),
        generator.generate(new int[] {8}, one, quiet()).tokens(),
        "3 was in an earlier turn");
    session.truncate(0);
    assertEquals(List.of(3), generator.generate(new int[] {8}, one, quiet()).tokens());
  }

  @Test
  void refusesOptionsThatMakeNoSense() {
    assertThrows(
        InvalidRequest.class,
        () -> new GenerationOptions(-2, SamplingOptions.GREEDY, 0, List.of(), false));
    assertThrows(
        InvalidRequest.class,
        () -> new GenerationOptions(1, SamplingOptions.GREEDY, 0, List.of("a", ""), false));
  }

  private Generator generator(ScriptedSession session, int batch) {
    return new Generator(session, texts, VOCABULARY, batch);
  }

  private static GenerationOptions greedy(int maximumTokens) {
    return new GenerationOptions(maximumTokens, SamplingOptions.GREEDY, 0, List.of(), false);
  }

  private static GenerationListener quiet() {
    return new GenerationListener() {};
  }

  private static byte[] text(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
