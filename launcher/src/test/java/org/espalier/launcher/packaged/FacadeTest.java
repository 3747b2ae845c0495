package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import org.espalier.Chat;
import org.espalier.Espalier;
import org.espalier.Generation;
import org.espalier.LanguageModel;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.format.MetadataValue;
import org.espalier.runtime.ModelOptions;
import org.espalier.runtime.generation.FinishReason;
import org.espalier.runtime.generation.GenerationOptions;
import org.espalier.runtime.generation.GenerationResult;
import org.espalier.runtime.sampling.SamplingOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What programs that embed Espalier see. */
@Timeout(120)
class FacadeTest {
  private static final ModuleLayer LAYER = PackagedLayer.of();
  private static final GenerationOptions TWELVE =
      GenerationOptions.DEFAULT.withMaximumTokens(12).withSampling(SamplingOptions.GREEDY);

  private static LanguageModel open() {
    return Espalier.open(Launch.DEMO, Espalier.defaults().withThreads(2), LAYER);
  }

  @Test
  void piecesAreTheText() {
    try (LanguageModel model = open();
        Generation generation = model.generate("Once upon a time", TWELVE)) {
      StringBuilder text = new StringBuilder();
      for (String piece : generation) {
        assertFalse(piece.isEmpty());
        text.append(piece);
      }
      GenerationResult result = generation.result();
      assertEquals(result.text(), text.toString());
      assertEquals(FinishReason.LENGTH, result.reason());
      assertEquals(12, result.tokens().size());
      assertFalse(generation.iterator().hasNext(), "the text has ended");
      assertThrows(NoSuchElementException.class, () -> generation.iterator().next());
      assertEquals(text.toString(), model.complete("Once upon a time", TWELVE));
    }
  }

  @Test
  void aModelTellsWhatItIs() {
    try (LanguageModel model = open()) {
      assertEquals(1024, model.contextLength());
      assertTrue(model.device().startsWith("cpu: "), model.device());
      assertTrue(model.notices().getFirst().contains("tokenizer.ggml.pre"));
      assertEquals("olmoe", model.metadata().text("general.architecture").orElseThrow());
      assertEquals("a king", model.detokenize(model.tokenize("a king")));
    }
  }

  @Test
  void severalAtOnceAreAsEachAlone() {
    List<String> prompts = List.of("The king", "The witch", "A poor man", "In the wood");
    try (LanguageModel first = open();
        LanguageModel second = open()) {
      List<String> alone = prompts.stream().map(prompt -> first.complete(prompt, TWELVE)).toList();
      List<Generation> running = new ArrayList<>();
      for (int i = 0; i < prompts.size(); i++) {
        running.add((i % 2 == 0 ? first : second).generate(prompts.get(i), TWELVE));
      }
      assertEquals(alone, running.stream().map(generation -> generation.result().text()).toList());
    }
  }

  @Test
  void seedsAndStopsAreObeyed() {
    GenerationOptions options = GenerationOptions.DEFAULT.withMaximumTokens(20);
    try (LanguageModel model = open()) {
      String text = model.complete("The king", options.withSeed(1));
      assertEquals(text, model.complete("The king", options.withSeed(1)));
      assertNotEquals(text, model.complete("The king", options.withSeed(2)));
      String stop = text.substring(5, 8);
      String cut = model.complete("The king", options.withSeed(1).withStop(stop));
      assertEquals(text.substring(0, text.indexOf(stop)), cut);
    }
  }

  @Test
  void cancellingKeepsWhatIsThere() {
    try (LanguageModel model = open();
        Generation generation = model.generate("Once upon a time")) {
      Iterator<String> pieces = generation.iterator();
      String first = pieces.next();
      generation.cancel();
      StringBuilder text = new StringBuilder(first);
      pieces.forEachRemaining(text::append);
      assertEquals(FinishReason.CANCELLED, generation.result().reason());
      assertEquals(generation.result().text(), text.toString());
    }
  }

  @Test
  void closingTheModelEndsItsGenerationsAndLeavesNoThreads() {
    LanguageModel model = open();
    Generation one = model.generate("Once upon a time");
    Generation other = model.generate("The king");
    one.iterator().next();
    model.close();
    assertEquals(FinishReason.CANCELLED, one.result().reason());
    assertEquals(FinishReason.CANCELLED, other.result().reason());
    model.close();
    assertTrue(
        assertThrows(InvalidRequest.class, () -> model.generate("Once"))
            .getMessage()
            .contains("closed"));
    assertEquals(
        List.of(),
        Thread.getAllStackTraces().keySet().stream()
            .map(Thread::getName)
            .filter(name -> name.startsWith("espalier"))
            .toList());
  }

  @Test
  void anInterruptedReaderCancels() {
    try (LanguageModel model = open();
        Generation generation = model.generate("Once upon a time")) {
      generation.iterator().next();
      Thread.currentThread().interrupt();
      GenerationResult result = generation.result();
      assertTrue(Thread.interrupted(), "the interrupt stays for the caller to see");
      assertEquals(FinishReason.CANCELLED, result.reason());
    } finally {
      Thread.interrupted();
    }
  }

  @Test
  void failuresReachReaders() {
    try (LanguageModel model = open();
        Generation generation = model.generate("word ".repeat(2000))) {
      Iterator<String> pieces = generation.iterator();
      assertTrue(assertThrows(InvalidRequest.class, pieces::hasNext).getMessage().contains("1024"));
      assertThrows(InvalidRequest.class, generation::result);
      assertEquals(12, model.generate("Once", TWELVE).result().tokens().size(), "others go on");
    }
  }

  @Test
  void aChatRemembers() {
    ModelOptions options =
        Espalier.defaults()
            .withOverrides(
                Map.of("tokenizer.chat_template", new MetadataValue.Text(ChatTest.TEMPLATE)));
    try (LanguageModel model = Espalier.open(Launch.DEMO, options, LAYER);
        Chat chat = model.chat("You tell tales.");
        Chat other = model.chat("")) {
      String first = chat.say("The king", TWELVE).result().text();
      Generation second = chat.say("The witch");
      assertThrows(InvalidRequest.class, () -> chat.say("And"), "one answer at a time");
      second.close();
      assertEquals(first, chat.messages().get(2).text());
      assertEquals("You tell tales.", chat.messages().getFirst().text());
      other.say("The wolf", TWELVE).close();
      chat.reset();
      assertEquals(1, chat.messages().size());
      assertEquals(first, chat.say("The king", TWELVE).result().text());
      Chat closed = model.chat("");
      closed.close();
      closed.close();
      assertThrows(InvalidRequest.class, () -> closed.say("And"));
    }
    try (LanguageModel base = open()) {
      assertTrue(
          assertThrows(Unsupported.class, () -> base.chat(""))
              .getMessage()
              .contains("no chat model"));
    }
  }

  @Test
  void openingFailsInOneSentence() {
    assertThrows(
        InvalidRequest.class,
        () -> Espalier.open(Path.of("none.gguf"), Espalier.defaults(), LAYER));
    assertThrows(
        Unsupported.class,
        () -> Espalier.open(Launch.DEMO, Espalier.defaults().withBackend("abacus"), LAYER));
  }
}
