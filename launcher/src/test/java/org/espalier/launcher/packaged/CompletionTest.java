package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The packaged program on the demo model. */
class CompletionTest {
  private static final String FOOTER =
      """
      common_perf_print: +load time = .*
      common_perf_print: +prompt eval time = .* / +\\d+ tokens \\(.* ms per token, .* tokens per second\\)
      common_perf_print: +eval time = .* / +\\d+ runs +\\(.* ms per token, .* tokens per second\\)
      common_perf_print: +total time = .* / +\\d+ tokens
      """;

  @TempDir private Path folder;

  @Test
  void promptThenContinuation() throws Exception {
    Launch launch = Launch.of("completion", "-p", "Once upon a time", "-n", "20", "--temp", "0");
    assertEquals(0, launch.exitCode(), launch.err());
    assertTrue(launch.out().startsWith("Once upon a time"), launch.out());
    assertTrue(launch.out().length() > "Once upon a time\n".length() + 20, launch.out());
    assertFooter(launch);
    assertTrue(launch.err().contains("demo model"), launch.err());

    Launch bare =
        Launch.here(
            "completion",
            "-m",
            Launch.DEMO.toString(),
            "-p",
            "Once upon a time",
            "-n",
            "20",
            "--temp",
            "0",
            "--no-display-prompt",
            "-b",
            "1",
            "-t",
            "2");
    assertEquals(launch.out(), "Once upon a time" + bare.out());
    assertFalse(bare.err().contains("demo model"), bare.err());
  }

  @Test
  void equalSeedsGiveEqualTexts() throws Exception {
    String[] lines = {"completion", "-p", "The king", "-n", "12", "-s", "7"};
    Launch first = Launch.here(lines);
    assertEquals(first.out(), Launch.here(lines).out());
    lines[6] = "8";
    assertNotEquals(first.out(), Launch.here(lines).out());
    assertTrue(first.err().contains("seed: 7"), first.err());
  }

  @Test
  void keysAndValuesAsBytes() {
    String line = "completion -p Once -n 40 --temp 0 --no-display-prompt -ctk q8_0 ";
    Launch both = Launch.here((line + "-ctv q8_0 -t 1").split(" "));
    assertEquals(0, both.exitCode(), both.err());
    assertEquals(both.out(), Launch.here((line + "-ctv q8_0 -t 3 -b 2").split(" ")).out());
    Launch keys = Launch.here((line + "--cache-type-v f32").split(" "));
    assertEquals(0, keys.exitCode(), keys.err());
    String refusal = Launch.here((line + "-ctv q4_0").split(" ")).sentence();
    assertEquals(
        "espalier: --cache-type-v q4_0: keys and values can be kept as f32, f16, bf16 or q8_0",
        refusal);
  }

  @Test
  void promptFilesLoseOneNewlineAndEscapesAreProcessed() throws Exception {
    Path file = Files.writeString(folder.resolve("prompt"), "One\\ttwo\n\n");
    Launch launch = Launch.here("completion", "-f", file.toString(), "-n", "0");
    assertEquals("One\ttwo\n\n", launch.out());
    Launch plain = Launch.here("completion", "-f", file.toString(), "-n", "0", "--no-escape");
    assertEquals("One\\ttwo\n\n", plain.out());
  }

  @Test
  void theEndOfTheTextIsShown() throws Exception {
    Launch launch =
        Launch.here(
            "completion", "-p", "Once", "-n", "5", "--temp", "0", "--logit-bias", "4079+999");
    assertEquals("Once [end of text]\n", launch.out());
    Launch ignoring =
        Launch.here(
            "completion",
            "-p",
            "Once",
            "-n",
            "5",
            "--temp",
            "0",
            "--logit-bias",
            "4079+999",
            "--ignore-eos");
    assertFalse(ignoring.out().contains("[end of text]"), ignoring.out());
  }

  @Test
  void aFullContextEndsWithOneLine() throws Exception {
    Launch launch = Launch.here("completion", "-p", "Once upon a time", "-c", "16", "--ignore-eos");
    assertEquals(0, launch.exitCode(), launch.err());
    assertEquals(
        1, launch.err().lines().filter(line -> line.contains("the context is full")).count());
    assertFooter(launch);
  }

  @Test
  void aReversePromptEnds() throws Exception {
    Launch launch =
        Launch.here("completion", "-p", "Once upon a time", "-n", "60", "--temp", "0", "-r", ",");
    assertEquals(0, launch.exitCode(), launch.err());
    assertFalse(launch.out().contains(","), launch.out());
  }

  @Test
  void controlCStillPrintsTheTimings() throws Exception {
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    Process process =
        Launch.begin(
            out,
            err,
            "completion",
            "-p",
            "Once upon a time",
            "-n",
            "-1",
            "-c",
            "100000",
            "--ignore-eos");
    while (Files.size(out) < 100 && process.isAlive()) {
      Thread.sleep(20);
    }
    new ProcessBuilder("kill", "-INT", Long.toString(process.pid())).start().waitFor();
    Launch launch = Launch.ended(process, out, err);
    assertEquals(130, launch.exitCode(), launch.err());
    assertFooter(launch);
    assertTrue(launch.out().endsWith("\n"), launch.out());
  }

  @Test
  void aClosedPipeEndsQuietly() throws Exception {
    Path err = folder.resolve("err");
    Process piped =
        Launch.pipe(err, "completion", "-p", "Once upon a time", "-n", "500", "--ignore-eos");
    assertEquals('O', piped.getInputStream().read());
    piped.getInputStream().close();
    Launch launch = Launch.ended(piped, Files.createFile(folder.resolve("none")), err);
    assertEquals(141, launch.exitCode(), launch.err());
    assertFalse(launch.err().contains("espalier:"), launch.err());
    assertFalse(launch.err().contains("common_perf_print"), launch.err());
  }

  @Test
  void tokenizeShowsIds() throws Exception {
    Launch ids = Launch.here("tokenize", "-p", "a<|endoftext|>", "--ids");
    assertEquals(0, ids.exitCode(), ids.err());
    assertTrue(ids.out().matches("\\[\\d+, 4079]\n"), ids.out());
    Launch plain = Launch.here("tokenize", "-p", "a<|endoftext|>", "--ids", "--no-parse-special");
    assertFalse(plain.out().contains("4079"), plain.out());
    Launch table = Launch.here("tokenize", "-p", "a\\n");
    assertTrue(table.out().matches(" +\\d+ -> 'a'\n +\\d+ -> '\\\\n'\n"), table.out());
    Launch lines = Launch.hereWith("\"a\\u003c|endoftext|>\"\n\"\"\n", "tokenize", "--jsonl");
    assertEquals(ids.out() + "[]\n", lines.out());
  }

  @Test
  void logitsFillAFile() throws Exception {
    Path together = folder.resolve("together");
    Path single = folder.resolve("single");
    String[] common = {"logits", "--tokens", "1,2,3,4,5", "--precision", "exact", "--out"};
    assertEquals(0, Launch.here(with(common, together.toString())).exitCode());
    assertEquals(0, Launch.here(with(common, single.toString(), "-b", "1")).exitCode());
    float[] expected = floats(together);
    float[] actual = floats(single);
    assertEquals(5 * 4080, expected.length);
    for (int row = 0; row < 5; row++) {
      assertTrue(relativeError(expected, actual, row * 4080, 4080) < 1e-5, "position " + row);
    }
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(2, files.count(), "an unfinished file was left");
    }
  }

  @Test
  void synthesizedModelsRun() throws Exception {
    Path model = folder.resolve("random.gguf");
    String[] line = {"synthesize", "-o", model.toString(), "--preset", "tiny"};
    Launch written = Launch.here(line);
    assertEquals(0, written.exitCode(), written.err());
    Launch again = Launch.here(line);
    assertEquals(2, again.exitCode());
    assertTrue(again.sentence().contains("--force"), again.err());
    assertEquals(0, Launch.here(with(line, "--force", "--attention", "q5_0")).exitCode());
    Launch launch =
        Launch.here("completion", "-m", model.toString(), "-p", "Hello", "-n", "5", "--ignore-eos");
    assertEquals(0, launch.exitCode(), launch.err());
  }

  private static String[] with(String[] line, String... more) {
    return Stream.of(line, more).flatMap(Arrays::stream).toArray(String[]::new);
  }

  private static void assertFooter(Launch launch) {
    assertTrue(launch.err().matches("(?s).*" + FOOTER), launch.err());
  }

  private static float[] floats(Path file) throws IOException {
    FloatBuffer values =
        ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
    float[] array = new float[values.remaining()];
    values.get(array);
    return array;
  }

  private static double relativeError(float[] expected, float[] actual, int from, int count) {
    double error = 0;
    double norm = 0;
    for (int i = from; i < from + count; i++) {
      error += Math.pow(expected[i] - actual[i], 2);
      norm += Math.pow(expected[i], 2);
    }
    return Math.sqrt(error / norm);
  }
}
