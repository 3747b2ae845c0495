package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.jr.ob.JSON;

/** Logits against those of independent implementations; models/README.md says whose. */
class ReferenceLogitsTest {
  private static final Path REFERENCE = Launch.MODELS.resolve("reference");

  @TempDir private Path folder;

  /**
   * What an independent implementation computed.
   *
   * @param columns of its file
   * @param compared columns that the model file has too
   */
  record Case(String model, List<Integer> ids, String file, int columns, int compared) {
    float[] expected() throws IOException {
      float[] all = floats(REFERENCE.resolve(file));
      float[] kept = new float[ids.size() * compared];
      for (int row = 0; row < ids.size(); row++) {
        System.arraycopy(all, row * columns, kept, row * compared, compared);
      }
      return kept;
    }
  }

  static Stream<Case> cases() throws IOException {
    Map<String, Object> tiny = json("tiny-tales-qtip.json");
    List<?> prompts = (List<?>) tiny.get("prompts");
    return Stream.concat(
        Stream.of(
            new Case(
                "tiny2k-random.gguf",
                integers(json("tiny2k-random.json").get("ids")),
                "tiny2k-random.logits.f32",
                2048,
                2048)),
        IntStream.range(0, prompts.size())
            .mapToObj(i ->
                new Case(
                    "reference/tiny-tales-qtip.gguf",
                    integers(((Map<?, ?>) prompts.get(i)).get("ids")),
                    "tiny-tales-qtip." + i + ".logits.f32",
                    (Integer) tiny.get("columns"),
                    (Integer) tiny.get("compared"))));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void exact(Case reference) throws Exception {
    float[] expected = reference.expected();
    float[] whole = logits(reference.model(), reference.ids(), "--precision", "exact");
    assertEquals(expected.length, whole.length);
    for (double error : errors(expected, whole, reference.compared())) {
      assertTrue(error <= 1e-4, "relative error " + error);
    }
    float[] oneByOne =
        logits(reference.model(), reference.ids(), "--precision", "exact", "-b", "1", "-t", "1");
    for (double error : errors(whole, oneByOne, reference.compared())) {
      assertTrue(error <= 1e-5, "one token at a time differs by " + error);
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void fast(Case reference) throws Exception {
    float[] expected = reference.expected();
    float[] actual = logits(reference.model(), reference.ids());
    double[] errors = errors(expected, actual, reference.compared());
    Arrays.sort(errors);
    double percentile95 = errors[(int) Math.ceil(0.95 * errors.length) - 1];
    assertTrue(percentile95 <= 5e-2, "95th percentile of the relative error: " + percentile95);
    for (int row = 0; row < errors.length; row++) {
      float[] want = row(expected, row, reference.compared());
      float[] got = row(actual, row, reference.compared());
      if (gap(want) > 0.1 * norm(want) / Math.sqrt(want.length)) {
        assertEquals(argmax(want), argmax(got), "the likeliest token at position " + row);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void threadsChangeNoBit(Case reference) throws Exception {
    for (String precision : List.of("fast", "exact")) {
      float[] one = logits(reference.model(), reference.ids(), "--precision", precision, "-t", "1");
      float[] three =
          logits(reference.model(), reference.ids(), "--precision", precision, "-t", "3");
      assertArrayEquals(one, three, precision);
    }
  }

  /**
   * Greedy generation, checked in one pass: each drawn token is the likeliest after the ones
   * before.
   */
  @Test
  void greedyTokensOfTheRandomModel() throws Exception {
    Map<String, Object> random = json("tiny2k-random.json");
    List<Integer> prompt = integers(random.get("greedy_prompt"));
    List<Integer> drawn = integers(random.get("greedy_64"));
    List<Integer> all =
        Stream.concat(prompt.stream(), drawn.stream().limit(drawn.size() - 1)).toList();
    float[] logits = logits("tiny2k-random.gguf", all, "--precision", "exact");
    List<Integer> likeliest =
        IntStream.range(prompt.size() - 1, all.size())
            .mapToObj(position -> argmax(row(logits, position, 2048)))
            .toList();
    assertEquals(64, drawn.size());
    assertEquals(drawn, likeliest);
  }

  private float[] logits(String model, List<Integer> ids, String... more) throws Exception {
    Path out = folder.resolve("logits.f32");
    Stream<String> arguments =
        Stream.of(
            "logits",
            "-m",
            Launch.MODELS.resolve(model).toString(),
            "--tokens",
            ids.stream().map(String::valueOf).collect(Collectors.joining(",")),
            "--out",
            out.toString());
    Launch launch = Launch.here(Stream.concat(arguments, Stream.of(more)).toArray(String[]::new));
    assertEquals(0, launch.exitCode(), launch.err());
    return floats(out);
  }

  private static Map<String, Object> json(String file) throws IOException {
    return JSON.std.mapFrom(Files.readString(REFERENCE.resolve(file)));
  }

  private static List<Integer> integers(Object list) {
    return ((List<?>) list).stream().map(Integer.class::cast).toList();
  }

  private static float[] floats(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    float[] floats = new float[bytes.length / Float.BYTES];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(floats);
    return floats;
  }

  private static float[] row(float[] rows, int row, int width) {
    return Arrays.copyOfRange(rows, row * width, (row + 1) * width);
  }

  /** Relative L2 error of each row. */
  private static double[] errors(float[] expected, float[] actual, int width) {
    double[] errors = new double[expected.length / width];
    for (int row = 0; row < errors.length; row++) {
      float[] want = row(expected, row, width);
      float[] got = row(actual, row, width);
      float[] difference = new float[width];
      for (int i = 0; i < width; i++) {
        difference[i] = got[i] - want[i];
      }
      errors[row] = norm(difference) / norm(want);
    }
    return errors;
  }

  private static double norm(float[] x) {
    double squares = 0;
    for (float value : x) {
      squares += (double) value * value;
    }
    return Math.sqrt(squares);
  }

  private static int argmax(float[] x) {
    int best = 0;
    for (int i = 1; i < x.length; i++) {
      if (x[i] > x[best]) {
        best = i;
      }
    }
    return best;
  }

  /** How far the largest value is above the second. */
  private static float gap(float[] x) {
    float[] sorted = x.clone();
    Arrays.sort(sorted);
    return sorted[x.length - 1] - sorted[x.length - 2];
  }
}
