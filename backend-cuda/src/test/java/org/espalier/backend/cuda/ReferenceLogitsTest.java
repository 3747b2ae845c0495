package org.espalier.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Map;
import java.util.stream.Stream;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Binding;
import org.espalier.api.backend.Precision;
import org.espalier.api.backend.Session;
import org.espalier.backend.cuda.emulator.Machine;
import org.espalier.runtime.Model;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Logits of whole models against those of independent implementations. */
@Tag("cuda")
class ReferenceLogitsTest {
  /** A file of logits, and which of its columns the model has. */
  record Case(String model, String json, int list, String file, int columns, int kept) {
    int[] ids() {
      return SmallModels.ids(json, "ids", list);
    }

    float[][] expected() {
      return SmallModels.logits(file, columns, kept);
    }
  }

  static Stream<Case> cases() {
    String tiny = "tiny-tales-qtip";
    return Stream.of(
        new Case(
            "tiny2k-random.gguf", "tiny2k-random.json", 0, "tiny2k-random.logits.f32", 2048, 2048),
        new Case(
            "reference/" + tiny + ".gguf", tiny + ".json", 0, tiny + ".0.logits.f32", 4096, 4080),
        new Case(
            "reference/" + tiny + ".gguf", tiny + ".json", 1, tiny + ".1.logits.f32", 4096, 4080));
  }

  @BeforeEach
  void needsMachine() {
    Machine.need();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void exact(Case reference) {
    float[][] actual = whole(reference, Precision.EXACT);
    float[][] expected = reference.expected();
    for (int row = 0; row < expected.length; row++) {
      double error = SmallModels.error(expected[row], actual[row]);
      assertTrue(error <= 1e-4, "row " + row + ": relative error " + error);
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void fast(Case reference) {
    assertFast(reference.expected(), whole(reference, Precision.FAST));
  }

  private static void assertFast(float[][] expected, float[][] actual) {
    double[] errors = new double[expected.length];
    for (int row = 0; row < errors.length; row++) {
      errors[row] = SmallModels.error(expected[row], actual[row]);
    }
    double[] sorted = errors.clone();
    Arrays.sort(sorted);
    double percentile95 = sorted[(int) Math.ceil(0.95 * sorted.length) - 1];
    assertTrue(percentile95 <= 1e-2, "errors: " + Arrays.toString(errors));
  }

  private static float[][] whole(Case reference, Precision precision) {
    int[] ids = reference.ids();
    try (Model model = SmallModels.open(reference.model(), precision, 64, Map.of());
        Session session = model.newSession(ids.length)) {
      return SmallModels.copy(session.forward(new Activations.Tokens(ids), ids.length));
    }
  }

  @Test
  void tensorCoresTakeTrellisCodes() {
    try (Model model = SmallModels.open("tiny2k-random.gguf", Precision.FAST, 8, Map.of())) {
      long fused =
          model.executable().bindings().stream()
              .map(Binding::kernel)
              .filter("qtip-mma"::equals)
              .count();
      assertEquals(2 * 7, fused, model.executable().bindings().toString());
    }
  }

  /** Token by token through one recorded graph, and in pieces of every size up to eight. */
  @Test
  void piecesOfEverySizeGiveTheSameLogits() {
    Case reference = cases().findFirst().orElseThrow();
    int[] ids = Arrays.copyOf(reference.ids(), 36);
    float[][] expected = reference.expected();
    try (Model model = SmallModels.open(reference.model(), Precision.FAST, 64, Map.of());
        Session session = model.newSession(200)) {
      int from = 0;
      for (int size = 1; from + size <= ids.length; size++) {
        int[] piece = Arrays.copyOfRange(ids, from, from + size);
        float[][] rows = SmallModels.copy(session.forward(new Activations.Tokens(piece), size));
        assertFast(Arrays.copyOfRange(expected, from, from + size), rows);
        from += size;
      }
      assertEquals(36, from);
    }
  }

  /** Greedy generation from the recorded graph, twice, to the bit, with threads in either order. */
  @Test
  void repeatedRunsAreIdentical() {
    float[][] first = generated(false);
    float[][] second = generated(true);
    for (int i = 0; i < first.length; i++) {
      assertArrayEquals(first[i], second[i], "logits of token " + i);
    }
  }

  private static float[][] generated(boolean backwards) {
    Machine.set("backwards", backwards ? 1 : 0);
    int[] prompt = SmallModels.ids("tiny2k-random.json", "greedy_prompt", 0);
    float[][] logits = new float[8][];
    try (Model model = SmallModels.open("tiny2k-random.gguf", Precision.FAST, 64, Map.of());
        Session session = model.newSession(128)) {
      int[] next = prompt;
      for (int i = 0; i < logits.length; i++) {
        logits[i] = SmallModels.copy(session.forward(new Activations.Tokens(next), 1))[0];
        next = new int[] {SmallModels.argmax(logits[i])};
      }
    } finally {
      Machine.reset();
    }
    return logits;
  }

  @Test
  void greedyTokensAreTheReferences() {
    int[] prompt = SmallModels.ids("tiny2k-random.json", "greedy_prompt", 0);
    int[] drawn = SmallModels.ids("tiny2k-random.json", "greedy_64", 0);
    try (Model model = SmallModels.open("tiny2k-random.gguf", Precision.EXACT, 64, Map.of());
        Session session = model.newSession(128)) {
      int[] next = prompt;
      for (int i = 0; i < 24; i++) {
        float[] row = SmallModels.copy(session.forward(new Activations.Tokens(next), 1))[0];
        assertEquals(drawn[i], SmallModels.argmax(row), "token " + i);
        next = new int[] {drawn[i]};
      }
    }
  }

  /** Experts in memory of the host, read in place, change no bit. */
  @Test
  void expertsInHostMemoryChangeNothing() {
    int[] ids = Arrays.copyOf(SmallModels.ids("tiny2k-random.json", "ids", 0), 5);
    float[][] all = rows(ids, Map.of());
    float[][] some = rows(ids, Map.of("device-memory", "256K"));
    for (int i = 0; i < ids.length; i++) {
      assertArrayEquals(all[i], some[i], "row " + i);
    }
  }

  private static float[][] rows(int[] ids, Map<String, String> settings) {
    try (Model model = SmallModels.open("tiny2k-random.gguf", Precision.FAST, 64, settings);
        Session session = model.newSession(128)) {
      return SmallModels.copy(session.forward(new Activations.Tokens(ids), ids.length));
    }
  }
}
