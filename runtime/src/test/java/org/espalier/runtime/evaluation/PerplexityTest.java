package org.espalier.runtime.evaluation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.Observer;
import org.espalier.runtime.Model;
import org.espalier.runtime.tokenizer.Tokenizer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PerplexityTest {
  private static final HistoryModel MODEL = HistoryModel.PLAIN;

  @Test
  void moduleIsNamed() {
    assertTrue(Perplexity.class.getModule().isNamed());
  }

  /** The definition, position by position. */
  private static List<Double> losses(
      HistoryModel model, int[] text, int window, int windows, int firstScored, boolean replaced) {
    List<Double> losses = new ArrayList<>();
    for (int w = 0; w < windows; w++) {
      List<Integer> history = new ArrayList<>();
      for (int position = 0; position < window - 1; position++) {
        boolean first = position == 0 && replaced;
        history.add(first ? HistoryModel.endOfText() : text[w * window + position]);
        if (position >= firstScored) {
          losses.add(-model.logProbability(history, text[w * window + position + 1]));
        }
      }
    }
    return losses;
  }

  private static void check(List<Double> expected, PerplexityResult found, int windows) {
    double mean = expected.stream().mapToDouble(d -> d).average().orElseThrow();
    double squares = expected.stream().mapToDouble(d -> (d - mean) * (d - mean)).sum();
    double error = Math.sqrt(squares / (expected.size() - 1) / expected.size());
    assertEquals(expected.size(), found.tokens());
    assertEquals(windows, found.windows());
    assertEquals(mean, found.meanNll(), 1e-6);
    assertEquals(Math.exp(mean), found.perplexity(), 1e-5 * Math.exp(mean));
    assertEquals(Math.exp(mean) * error, found.standardError(), 1e-5);
  }

  @ParameterizedTest
  @CsvSource({"16, 1", "16, 5", "16, 16", "16, 33", "16, 64", "7, 3", "7, 20", "64, 64", "4, 64"})
  void llamaScoresSecondHalves(int window, int batch) {
    int[] text = HistoryModel.text(150);
    try (Model model = MODEL.open(batch)) {
      PerplexityOptions options = new PerplexityOptions(PerplexityProtocol.LLAMA, window, 0);
      PerplexityResult result = Perplexity.measure(model, text, options, Progress.NONE);
      int windows = 150 / window;
      List<Double> expected = losses(MODEL, text, window, windows, window / 2, false);
      assertEquals(windows * (window - 1 - window / 2), expected.size());
      check(expected, result, windows);
    }
  }

  @ParameterizedTest
  @CsvSource({"16, 1", "16, 5", "16, 64", "7, 20", "150, 64", "64, 7"})
  void hfScoresAllButTheFirst(int window, int batch) {
    int[] text = HistoryModel.text(150);
    try (Model model = MODEL.open(batch)) {
      PerplexityOptions options = new PerplexityOptions(PerplexityProtocol.HF, window, 0);
      PerplexityResult result = Perplexity.measure(model, text, options, Progress.NONE);
      int windows = 150 / window;
      check(losses(MODEL, text, window, windows, 0, false), result, windows);
    }
  }

  @Test
  void theTokenThatBeginsTextsReplacesTheFirstOfAWindowInLlamaOnly() {
    HistoryModel beginning = new HistoryModel(1, 0, false, true, 64, 0);
    int[] text = HistoryModel.text(40);
    try (Model model = beginning.open(64)) {
      check(
          losses(beginning, text, 10, 4, 5, true),
          Perplexity.measure(
              model, text, new PerplexityOptions(PerplexityProtocol.LLAMA, 10, 0), Progress.NONE),
          4);
      check(
          losses(beginning, text, 10, 4, 0, false),
          Perplexity.measure(
              model, text, new PerplexityOptions(PerplexityProtocol.HF, 10, 0), Progress.NONE),
          4);
    }
  }

  @Test
  void textsAreEncodedAsTheProtocolsWant() {
    try (Model model = new HistoryModel(1, 0, false, true, 64, 0).open(8)) {
      Tokenizer tokenizer = model.tokenizer();
      String text = "an <|endoftext|>\n\n";
      int[] plain = tokenizer.encode(text, false);
      assertArrayEquals(plain, PerplexityProtocol.HF.encode(tokenizer, text));
      int[] llama = PerplexityProtocol.LLAMA.encode(tokenizer, text);
      assertEquals(HistoryModel.endOfText(), llama[0]);
      assertEquals("an <|endoftext|>\n", tokenizer.decode(llama).substring(13));
      for (int i = 1; i < llama.length; i++) {
        assertTrue(llama[i] != HistoryModel.endOfText(), "names of control tokens are text");
      }
    }
    try (Model model = MODEL.open(8)) {
      assertArrayEquals(
          model.tokenizer().encode("and", false),
          PerplexityProtocol.LLAMA.encode(model.tokenizer(), "and\n"));
    }
  }

  @Test
  void shortWindowsShareAPass() {
    HistoryBackend backend = new HistoryBackend(MODEL);
    int[] text = HistoryModel.text(160);
    try (Model model = MODEL.open(backend, 64, Observer.NONE)) {
      Perplexity.measure(
          model, text, new PerplexityOptions(PerplexityProtocol.LLAMA, 16, 0), Progress.NONE);
    }
    assertEquals(List.of(60, 60, 30), backend.passes);
    assertEquals(List.of(4, 4, 2), backend.sessions);
    assertEquals(0, backend.openSessions);
  }

  @Test
  void progressSeesEveryWindowAndItsRunningValue() {
    int[] text = HistoryModel.text(50);
    List<Double> values = new ArrayList<>();
    try (Model model = MODEL.open(64)) {
      Perplexity.measure(
          model,
          text,
          new PerplexityOptions(PerplexityProtocol.HF, 10, 3),
          new Progress() {
            @Override
            public void advanced(int done, int total, double value) {
              values.add(value);
              assertEquals(3, total);
              assertEquals(values.size(), done);
            }
          });
    }
    for (int windows = 1; windows <= 3; windows++) {
      double mean =
          losses(MODEL, text, 10, windows, 0, false).stream()
              .mapToDouble(d -> d)
              .average()
              .orElseThrow();
      assertEquals(Math.exp(mean), values.get(windows - 1), 1e-4);
    }
  }

  @Test
  void whoeverFollowsMayEndItAndNothingStaysOpen() {
    HistoryBackend backend = new HistoryBackend(MODEL);
    try (Model model = MODEL.open(backend, 16, Observer.NONE)) {
      Progress impatient =
          new Progress() {
            @Override
            public void passed() {
              throw new InvalidRequest("enough");
            }
          };
      PerplexityOptions options = new PerplexityOptions(PerplexityProtocol.HF, 8, 0);
      int[] text = HistoryModel.text(64);
      assertThrows(InvalidRequest.class, () -> Perplexity.measure(model, text, options, impatient));
    }
    assertEquals(1, backend.passes.size());
    assertEquals(0, backend.openSessions);
  }

  @Test
  void textsAndWindowsThatAreTooShortAreRefused() {
    try (Model model = MODEL.open(8)) {
      InvalidRequest llama =
          assertThrows(
              InvalidRequest.class,
              () ->
                  Perplexity.measure(
                      model,
                      HistoryModel.text(31),
                      new PerplexityOptions(PerplexityProtocol.LLAMA, 16, 0),
                      Progress.NONE));
      assertTrue(llama.getMessage().contains("31"), llama.getMessage());
      assertTrue(llama.getMessage().contains("32"), llama.getMessage());
      assertThrows(
          InvalidRequest.class,
          () ->
              Perplexity.measure(
                  model,
                  HistoryModel.text(15),
                  new PerplexityOptions(PerplexityProtocol.HF, 16, 0),
                  Progress.NONE));
    }
    assertThrows(InvalidRequest.class, () -> new PerplexityOptions(PerplexityProtocol.HF, 3, 0));
    assertThrows(InvalidRequest.class, () -> new PerplexityOptions(PerplexityProtocol.HF, 16, -1));
  }
}
