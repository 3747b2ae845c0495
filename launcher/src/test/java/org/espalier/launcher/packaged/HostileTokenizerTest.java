package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.espalier.Espalier;
import org.espalier.LanguageModel;
import org.espalier.api.EspalierException;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.MetadataValue.RealType;
import org.espalier.api.format.MetadataValue.Reals;
import org.espalier.api.format.MetadataValue.Texts;
import org.espalier.api.format.MetadataValue.Whole;
import org.espalier.api.format.MetadataValue.WholeType;
import org.espalier.runtime.generation.GenerationOptions;
import org.espalier.runtime.sampling.SamplingOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The demo model with tokenizers that mean harm: it runs, or is refused in one sentence. */
class HostileTokenizerTest {
  private static final ModuleLayer LAYER = PackagedLayer.of();
  private static final GenerationOptions FOUR =
      GenerationOptions.DEFAULT.withMaximumTokens(4).withSampling(SamplingOptions.GREEDY);
  private static final Duration PATIENCE = Duration.ofSeconds(200);

  @TempDir private Path folder;

  private static List<String> texts(String key) {
    try (LanguageModel model = Espalier.open(Launch.DEMO, Espalier.defaults(), LAYER)) {
      return model.metadata().texts("tokenizer.ggml." + key).orElseThrow();
    }
  }

  /** What a model with these entries says after a prompt, or why it does not. */
  private static String run(String prompt, Map<String, MetadataValue> entries) {
    Map<String, MetadataValue> overrides = new HashMap<>();
    entries.forEach((key, value) -> overrides.put("tokenizer.ggml." + key, value));
    return assertTimeoutPreemptively(
        PATIENCE,
        () -> {
          try (LanguageModel model =
              Espalier.open(
                  Launch.DEMO,
                  Espalier.defaults().withThreads(2).withOverrides(overrides),
                  LAYER)) {
            return "ran: " + model.complete(prompt, FOUR);
          } catch (EspalierException refusal) {
            String sentence = refusal.getMessage();
            assertTrue(sentence.length() < 400 && !sentence.isBlank(), sentence);
            return sentence;
          }
        });
  }

  private static MetadataValue whole(long value) {
    return new Whole(WholeType.INT64, value);
  }

  @Test
  void specialIdsOutOfRange() {
    String plain = run("Once upon a time", Map.of());
    assertTrue(plain.startsWith("ran: "), plain);
    for (long id : new long[] {-1, 4080, 1L << 31, 1L << 32, Long.MIN_VALUE, Long.MAX_VALUE}) {
      Map<String, MetadataValue> ids = new HashMap<>();
      for (String name : List.of("bos", "eos", "padding", "eot", "eom", "unknown", "seperator")) {
        ids.put(name + "_token_id", whole(id));
      }
      ids.put("add_bos_token", new MetadataValue.Flag(true));
      assertEquals(plain, run("Once upon a time", ids), () -> "ids of " + id);
    }
  }

  @Test
  void scoresThatAreNoNumbers() {
    String plain = run("Once", Map.of());
    for (double score : new double[] {Double.NaN, Double.POSITIVE_INFINITY, -0.0}) {
      Reals scores = new Reals(RealType.FLOAT32, Collections.nCopies(4080, score));
      assertEquals(plain, run("Once", Map.of("scores", scores)));
    }
  }

  @Test
  void emptyAndTooShortVocabularies() {
    assertTrue(run("Once", Map.of("tokens", new Texts(List.of()))).contains("is empty"));
    String few = run("Once", Map.of("tokens", new Texts(List.of("a", "b"))));
    assertTrue(few.contains("tokenizer.ggml.merges[0]"), few);
    Map<String, MetadataValue> noMerges =
        Map.of(
            "tokens", new Texts(List.of("a", "b")),
            "merges", new Texts(List.of()));
    assertTrue(run("Once", noMerges).contains("has no token for the byte 0x4F"));
  }

  /** A token that the vocabulary has and the embedding has not. */
  @Test
  void moreTokensThanRows() {
    List<String> tokens = new ArrayList<>(texts("tokens"));
    tokens.add("<|beyond|>");
    Map<String, MetadataValue> entries = Map.of("tokens", new Texts(tokens));
    String inside = run("Once", entries);
    assertTrue(inside.startsWith("ran: "), inside);
    String beyond = run("Once <|beyond|>", entries);
    assertTrue(beyond.contains("4080"), beyond);
    Map<String, MetadataValue> begun = new HashMap<>(entries);
    begun.put("bos_token_id", whole(4080));
    begun.put("add_bos_token", new MetadataValue.Flag(true));
    String before = run("Once", begun);
    assertTrue(before.contains("4080"), before);
  }

  @Test
  void duplicates() {
    List<String> tokens = new ArrayList<>(texts("tokens"));
    List<String> merges = new ArrayList<>(texts("merges"));
    Collections.fill(tokens.subList(3000, 4080), tokens.get(400));
    String missing = run("Once", Map.of("tokens", new Texts(tokens)));
    assertTrue(missing.contains("tokenizer.ggml.merges["), missing);
    merges.addAll(merges);
    String twice = run("Once upon a time", Map.of("merges", new Texts(merges)));
    assertTrue(twice.startsWith("ran: "), twice);
    List<String> same = Collections.nCopies(4080, "x");
    String all = run("xx", Map.of("tokens", new Texts(same), "merges", new Texts(List.of())));
    assertTrue(all.startsWith("ran: "), all);
  }

  /**
   * Merges cannot run in a circle: each must make a longer token; those that do not are refused.
   */
  @Test
  void cycles() {
    List<String> merges = new ArrayList<>(texts("merges"));
    for (String line : List.of(" a", "a ", " ", "", "a a a", "a b")) {
      List<String> hostile = new ArrayList<>(merges);
      hostile.set(7, line);
      String answer = run("Once", Map.of("merges", new Texts(hostile)));
      assertTrue(answer.startsWith("ran: ") || answer.contains("merges[7]"), answer);
    }
    List<String> backwards = merges.reversed();
    String answer = run("Once upon a time", Map.of("merges", new Texts(backwards)));
    assertTrue(answer.startsWith("ran: "), answer);
  }

  /** Tokens made so that a simple hash of their bytes is the same for all. */
  @Test
  void collisions() {
    Set<String> tokens = new LinkedHashSet<>(texts("tokens"));
    List<String> merges = new ArrayList<>(List.of("A a", "B B"));
    List<String> level = List.of("Aa", "BB");
    tokens.addAll(level);
    for (int length = 2; length <= 14; length++) {
      List<String> next = new ArrayList<>();
      for (String left : level) {
        for (String right : List.of("Aa", "BB")) {
          merges.add(left + " " + right);
          next.add(left + right);
        }
      }
      tokens.addAll(next);
      level = next;
    }
    long start = System.nanoTime();
    String answer =
        run("Once", Map.of("tokens", new Texts(List.copyOf(tokens)), "merges", new Texts(merges)));
    assertTrue(answer.startsWith("ran: "), answer);
    assertTrue(System.nanoTime() - start < 100_000_000_000L, "32,766 tokens of equal hashes");
  }

  /** One run of letters that merges join in every way: a text of any length must end. */
  @Test
  void longTextsOfOneLetter() {
    List<String> tokens = new ArrayList<>(texts("tokens").subList(0, 2000));
    List<String> merges = new ArrayList<>();
    for (int length = 2; length <= 300; length++) {
      tokens.add("a".repeat(length));
      for (int left = 1; left < length; left += 7) {
        merges.add("a".repeat(left) + " " + "a".repeat(length - left));
      }
    }
    Map<String, MetadataValue> entries =
        Map.of("tokens", new Texts(tokens), "merges", new Texts(merges));
    String answer = run("a".repeat(400_000), entries);
    assertTrue(answer.contains("1024"), answer); // more tokens than the context holds
  }

  @Test
  void countsThatLie() throws Exception {
    for (long count : new long[] {1L << 31, 1L << 40, -1}) {
      Path file =
          Gguf.demo().count("tokenizer.ggml.merges", count).write(folder.resolve("hostile.gguf"));
      Launch launch = Launch.here("tokenize", "-m", file.toString(), "-p", "Once");
      assertEquals(1, launch.exitCode(), launch.err());
      assertTrue(launch.sentence().contains("tokenizer.ggml.merges"), launch.err());
    }
  }

  @Test
  void refusalsAreOfOurMaking() {
    for (String key : List.of("tokens", "merges", "token_type", "eos_token_id")) {
      for (MetadataValue nonsense :
          List.of(
              new MetadataValue.Flag(true),
              whole(-1),
              new Reals(RealType.FLOAT64, List.of(Double.NaN)),
              new MetadataValue.Nested(List.of(new Texts(List.of("a")))))) {
        String answer = run("Once", Map.of(key, nonsense));
        assertTrue(answer.startsWith("ran: ") || answer.contains("tokenizer.ggml." + key), answer);
      }
    }
  }
}
