package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.jr.ob.JSON;

/** The packaged program measures the demo model. */
class MeasurementTest {
  @TempDir private Path folder;
  private Path tale;

  @BeforeEach
  void writeTale() throws IOException {
    tale = folder.resolve("tale.txt");
    try (InputStream in = MeasurementTest.class.getResourceAsStream("tale.txt")) {
      Files.write(tale, in.readAllBytes());
    }
  }

  /** A prompt whose logits another implementation has computed, in double precision. */
  private record Reference(String text, int[] ids, float[] logits, int columns) {
    static Reference read() throws IOException {
      Path json = Launch.MODELS.resolve("reference/tiny-tales-qtip.json");
      Map<String, Object> all = JSON.std.mapFrom(Files.readString(json));
      Map<?, ?> prompt = (Map<?, ?>) ((List<?>) all.get("prompts")).get(1);
      byte[] bytes =
          Files.readAllBytes(Launch.MODELS.resolve("reference/tiny-tales-qtip.1.logits.f32"));
      float[] logits = new float[bytes.length / Float.BYTES];
      FloatBuffer values =
          java.nio.ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
      values.get(logits);
      return new Reference(
          (String) prompt.get("text"),
          Arrays.stream(Measured.numbers(prompt.get("ids"))).mapToInt(id -> (int) id).toArray(),
          logits,
          (int) all.get("columns"));
    }

    double loss(int position) {
      double sum = 0;
      for (int token = 0; token < 4080; token++) {
        sum += Math.exp(logits[position * columns + token]);
      }
      return Math.log(sum) - logits[position * columns + ids[position + 1]];
    }

    double perplexity(int from, int to) {
      double sum = 0;
      for (int position = from; position < to; position++) {
        sum += loss(position);
      }
      return Math.exp(sum / (to - from));
    }
  }

  @Test
  void perplexityOfAPromptWhoseLogitsAreKnown() throws Exception {
    Reference reference = Reference.read();
    assertEquals(42, reference.ids().length);
    Path file = Files.writeString(folder.resolve("prompt.txt"), reference.text());
    String[] line = {"perplexity", "-m", Launch.REFERENCE.toString(), "-f", file.toString()};
    Measured hf = Measured.by(with(line, "--protocol", "hf", "-c", "42"));
    assertEquals(reference.perplexity(0, 41), hf.number("ppl"), 1e-4 * hf.number("ppl"));
    assertEquals(41, hf.number("tokens"));
    assertEquals("hf", hf.text("protocol"));
    assertEquals(42, hf.number("stride"));
    // The newline at the end is dropped, and the second half of the first window is scored.
    Files.writeString(file, reference.text() + "\n");
    Measured llama = Measured.by(with(line, "-c", "21", "--chunks", "1"));
    assertEquals(reference.perplexity(10, 20), llama.number("ppl"), 1e-4 * llama.number("ppl"));
    assertEquals(10, llama.number("tokens"));
    assertEquals(42, llama.number("text_tokens"));
  }

  @Test
  void neitherBatchesNorThreadsChangeAnything() throws Exception {
    String[] line = {"perplexity", "-f", tale.toString(), "-c", "48", "--chunks", "6"};
    Measured usual = Measured.by(line);
    for (String[] other : new String[][] {{"7", "1"}, {"64", "3"}, {"512", "2"}}) {
      Measured same = Measured.by(with(line, "-b", other[0], "-t", other[1]));
      assertEquals(usual.number("ppl"), same.number("ppl"), 1e-5 * usual.number("ppl"));
      assertEquals(usual.number("stderr"), same.number("stderr"), 1e-5 * usual.number("stderr"));
    }
  }

  @Test
  void peopleSeeRunningValuesAndTheEstimate() throws Exception {
    Path out = folder.resolve("result.json");
    Launch launch =
        Launch.here(
            "perplexity", "-f", tale.toString(), "-c", "32", "--chunks", "3", "-o", "" + out);
    assertEquals(0, launch.exitCode(), launch.err());
    List<String> lines = launch.out().lines().toList();
    String number = "\\d+\\.\\d{4},";
    assertTrue(
        lines.get(0).matches("\\[1\\]" + number + "\\[2\\]" + number + "\\[3\\]" + number),
        lines.get(0));
    assertTrue(
        lines.get(1).matches("Final estimate: PPL = \\d+\\.\\d{4} \\+/- \\d+\\.\\d{5}"),
        lines.get(1));
    assertTrue(launch.out().contains("protocol llama, context 32, stride 32"), launch.out());
    assertTrue(launch.out().contains("precision fast"), launch.out());
    Measured written = Measured.of(Files.readString(out));
    assertTrue(
        lines.get(1).contains("PPL = %.4f +/-".formatted(written.number("ppl"))), lines.get(1));
  }

  @Test
  void rowsOfLinesAreJoined() throws Exception {
    List<String> rows = Files.readString(tale).lines().toList();
    String json =
        rows.stream()
            .map(row -> "{\"id\": 1, \"body\": " + quoted(row) + "}\n")
            .collect(Collectors.joining());
    Path file = Files.writeString(folder.resolve("rows.jsonl"), json);
    Path plain = Files.writeString(folder.resolve("plain.txt"), String.join(" / ", rows));
    String[] windows = {"--protocol", "hf", "-c", "64", "--chunks", "2"};
    Measured joined =
        Measured.by(
            Stream.concat(
                    Stream.of("perplexity", "-f", "" + file, "--field", "body", "--join", " / "),
                    Arrays.stream(windows))
                .toArray(String[]::new));
    Measured whole =
        Measured.by(
            Stream.concat(Stream.of("perplexity", "-f", "" + plain), Arrays.stream(windows))
                .toArray(String[]::new));
    assertEquals(whole.number("ppl"), joined.number("ppl"), 1e-9);
    assertEquals(whole.number("text_tokens"), joined.number("text_tokens"));
  }

  @Test
  void tablesAreRead() throws Exception {
    Path table = folder.resolve("texts.parquet");
    try (InputStream in = MeasurementTest.class.getResourceAsStream("texts.parquet")) {
      Files.write(table, in.readAllBytes());
    }
    Path plain =
        Files.writeString(
            folder.resolve("plain.txt"),
            "The fox sat on the stone.\n\n\n\n\nIt rained: — für drei Tage. 🦊\n");
    Launch launch = Launch.of("perplexity", "-f", "" + table, "--protocol", "hf", "-c", "8");
    assertEquals(0, launch.exitCode(), launch.err());
    assertFalse(launch.err().contains("WARNING"), launch.err());
    assertFalse(launch.err().contains("INFO"), launch.err());
    Launch same = Launch.here("perplexity", "-f", "" + plain, "--protocol", "hf", "-c", "8");
    assertEquals(same.out().lines().limit(3).toList(), launch.out().lines().limit(3).toList());
  }

  private static String quoted(String text) {
    return JSON.std.asString(text);
  }

  @Test
  void logLikelihoodsAreSumsOverLogits() throws Exception {
    Path data =
        Files.writeString(
            folder.resolve("questions.jsonl"),
            """
            {"goal": "Where did the king live?", "sol1": "in a great castle", "sol2": "under 7 stones!", "label": 0}
            {"goal": "Who came?", "sol1": "the fox", "sol2": "the youngest son", "label": 1}
            """);
    Measured measured = Measured.by("evaluate", "--task", "piqa", "--data", data.toString());
    assertEquals(2, measured.number("n"));
    List<Map<String, Object>> questions = measured.objects("questions");
    double[] found = Measured.numbers(questions.getFirst().get("ll"));
    String context = "Question: Where did the king live?\nAnswer:";
    assertEquals(logLikelihood(context, " in a great castle"), found[0], 1e-3);
    assertEquals(logLikelihood(context, " under 7 stones!"), found[1], 1e-3);
    assertEquals("[17, 15]", questions.getFirst().get("chars").toString());
    double right = 0;
    for (int q = 0; q < 2; q++) {
      double[] both = Measured.numbers(questions.get(q).get("ll"));
      right += (both[0] >= both[1] ? 0 : 1) == q ? 0.5 : 0;
    }
    assertEquals(right, measured.number("acc"));
    for (String field : List.of("acc_norm", "acc_stderr", "acc_norm_stderr")) {
      assertTrue(measured.fields().get(field) instanceof Double, field);
    }
  }

  /** From the command that writes logits. */
  private double logLikelihood(String context, String rest) throws Exception {
    int[] before = ids(context);
    int[] all = ids(context + rest);
    Path out = folder.resolve("logits.f32");
    String tokens = Arrays.stream(all).mapToObj(String::valueOf).collect(Collectors.joining(","));
    Launch launch =
        Launch.here("logits", "--tokens", tokens, "-o", out.toString(), "--precision", "exact");
    assertEquals(0, launch.exitCode(), launch.err());
    FloatBuffer logits =
        java.nio.ByteBuffer.wrap(Files.readAllBytes(out))
            .order(ByteOrder.LITTLE_ENDIAN)
            .asFloatBuffer();
    int vocabulary = logits.capacity() / all.length;
    double sum = 0;
    for (int i = before.length; i < all.length; i++) {
      double normaliser = 0;
      for (int token = 0; token < vocabulary; token++) {
        normaliser += Math.exp(logits.get((i - 1) * vocabulary + token));
      }
      sum += logits.get((i - 1) * vocabulary + all[i]) - Math.log(normaliser);
    }
    return sum;
  }

  private static int[] ids(String text) throws Exception {
    Launch launch = Launch.here("tokenize", "--ids", "--no-escape", "-p", text);
    assertEquals(0, launch.exitCode(), launch.err());
    return Arrays.stream(Measured.numbers(JSON.std.anyFrom(launch.out())))
        .mapToInt(id -> (int) id)
        .toArray();
  }

  @Test
  void aModelIsLikeItself() throws Exception {
    Path saved = folder.resolve("saved.ref");
    String demo = Launch.DEMO.toString();
    String[] line = {"compare", "-m", demo, "-f", tale.toString(), "--reference"};
    Measured itself =
        Measured.by(with(line, demo, "-c", "64", "--chunks", "2", "--save-reference", "" + saved));
    assertEquals(0, itself.number("mean_kl"), 1e-9);
    assertEquals(1, itself.number("top1_agreement"));
    assertEquals(128, itself.number("tokens"));
    for (String field : List.of("median_kl", "p99_kl", "mean_delta_loglik", "common_tokens")) {
      assertTrue(itself.fields().containsKey(field), field);
    }
    Measured again = Measured.by(with(line, saved.toString()));
    assertEquals(0, again.number("mean_kl"), 1e-6);
    assertEquals(itself.number("ppl"), again.number("ppl"), 1e-9);

    Launch other = Launch.here(with(line, Launch.MODELS.resolve("tiny2k-random.gguf").toString()));
    assertEquals(2, other.exitCode());
    assertTrue(other.sentence().contains("different tokenizers"), other.err());
  }

  private static String[] with(String[] line, String... more) {
    return Stream.concat(Arrays.stream(line), Arrays.stream(more)).toArray(String[]::new);
  }

  @Test
  void routingIsCountedAndDrawn() throws Exception {
    Path picture = folder.resolve("routing.svg");
    Measured measured =
        Measured.by(
            "routing",
            "-f",
            "" + tale,
            "-c",
            "64",
            "--chunks",
            "3",
            "--cache",
            "4,16",
            "--svg",
            "" + picture);
    List<Map<String, Object>> layers = measured.objects("layers");
    assertEquals(4, layers.size());
    for (Map<String, Object> layer : layers) {
      assertEquals(3 * 64 * 4, Arrays.stream(Measured.numbers(layer.get("counts"))).sum());
    }
    assertEquals(12, measured.objects("caches").size());
    String svg = Files.readString(picture);
    assertTrue(svg.startsWith("<svg xmlns="), svg);
    assertTrue(svg.contains("layer 3, expert 15"), svg);

    Launch table = Launch.here("routing", "-f", "" + tale, "-c", "64", "--chunks", "1");
    assertTrue(table.out().contains("least-stale"), table.out());
    assertTrue(table.out().contains("imbalance"), table.out());
  }

  @Test
  void malformedDataAreNamed() throws Exception {
    Path lines = Files.writeString(folder.resolve("bad.jsonl"), "{\"text\": \"a\"}\n{\"text\": \n");
    Launch perplexity = Launch.here("perplexity", "-f", lines.toString());
    assertEquals(1, perplexity.exitCode());
    assertTrue(perplexity.sentence().contains("bad.jsonl, line 2: "), perplexity.err());
    Launch evaluate = Launch.here("evaluate", "--task", "arc_easy", "--data", lines.toString());
    assertEquals(1, evaluate.exitCode());
    assertTrue(evaluate.sentence().contains("bad.jsonl, line 1: "), evaluate.err());
    Launch none = Launch.here("evaluate", "--task", "riddles", "--data", lines.toString());
    assertEquals(2, none.exitCode());
    assertTrue(none.sentence().contains("arc_challenge"), none.err());
    Launch nowhere = Launch.here("perplexity", "-f", tale.toString(), "-o", "no/such/folder/x");
    assertEquals(2, nowhere.exitCode());
    assertTrue(nowhere.sentence().contains("there is no folder"), nowhere.err());
  }

  @Test
  void anInterruptionLeavesNoHalfFile() throws Exception {
    Path results = Files.createDirectory(folder.resolve("results"));
    Path text = folder.resolve("long.txt");
    Files.writeString(text, Files.readString(tale).repeat(40));
    Path err = folder.resolve("err");
    Process process =
        Launch.begin(
            folder.resolve("out"),
            err,
            "compare",
            "-m",
            Launch.DEMO.toString(),
            "--reference",
            Launch.DEMO.toString(),
            "-f",
            text.toString(),
            "-c",
            "64",
            "-o",
            results.resolve("result.json").toString(),
            "--save-reference",
            results.resolve("saved.ref").toString());
    while (process.isAlive() && !Files.readString(err).contains("at that pace")) {
      Thread.sleep(20);
    }
    try (Stream<Path> files = Files.list(results)) {
      assertEquals(1, files.count(), "one file is being written");
    }
    new ProcessBuilder("kill", "-INT", Long.toString(process.pid())).start().waitFor();
    Launch launch = Launch.ended(process, folder.resolve("out"), err);
    assertEquals(130, launch.exitCode(), launch.err());
    assertFalse(launch.err().contains("espalier:"), launch.err());
    try (Stream<Path> files = Files.list(results)) {
      assertEquals(List.of(), files.toList());
    }
  }
}
