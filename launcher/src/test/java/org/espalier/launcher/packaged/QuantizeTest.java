package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.jr.ob.JSON;

/** Whole models are quantised, whatever interrupts the work. */
class QuantizeTest {
  /** 2 layers × (4 + 2 experts × 3). */
  private static final int MATRICES = 20;

  private static final int LENGTH = 32;

  @TempDir private Path folder;
  private Path checkpoint = Path.of("");
  private Path ids = Path.of("");

  @BeforeEach
  void makeCheckpoint() throws Exception {
    checkpoint = small().write(folder.resolve("checkpoint"));
    ids = folder.resolve("ids.npy");
    numpy(ids, 24);
  }

  private static Checkpoint small() {
    return new Checkpoint(256, 256, 2);
  }

  /** Random ids in NumPy's format: int32, two dimensions. */
  private static void numpy(Path path, int sequences) throws Exception {
    String header =
        "{'descr': '<i4', 'fortran_order': False, 'shape': (%d, %d), }"
            .formatted(sequences, LENGTH);
    header += " ".repeat(128 - 10 - 1 - header.length()) + "\n";
    ByteBuffer file =
        ByteBuffer.allocate(128 + sequences * LENGTH * Integer.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    file.put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0}).putShort((short) 118);
    file.put(header.getBytes(java.nio.charset.StandardCharsets.US_ASCII));
    Random random = new Random(4);
    while (file.hasRemaining()) {
      file.putInt(random.nextInt(256));
    }
    Files.write(path, file.array());
  }

  private String[] arguments(String out, String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "quantize",
                "-m",
                checkpoint.toString(),
                "--calibration",
                ids.toString(),
                "-o",
                folder.resolve(out).toString(),
                "--sequences",
                "24",
                "--length",
                "" + LENGTH));
    arguments.addAll(List.of(more));
    return arguments.toArray(String[]::new);
  }

  private Path quantize(String out, String... more) throws Exception {
    Launch launch = Launch.of(arguments(out, more));
    assertEquals(0, launch.exitCode(), launch.err());
    assertTrue(launch.err().startsWith("estimate: "), launch.err());
    assertFalse(Files.exists(folder.resolve(out + ".work")), "the work folder is gone");
    return folder.resolve(out);
  }

  @Test
  void theFileIsCompleteAndReported() throws Exception {
    Path report = folder.resolve("report.jsonl");
    Path picture = folder.resolve("losses.svg");
    Path model =
        quantize("new.gguf", "-t", "2", "--json-report", report + "", "--picture", picture + "");
    List<String> lines = Files.readAllLines(report);
    assertEquals(MATRICES, lines.size());
    for (String line : lines) {
      Map<String, Object> matrix = JSON.std.mapFrom(line);
      double relative = ((Number) matrix.get("relative_proxy_loss")).doubleValue();
      assertTrue(relative > 0 && relative < 0.15, line);
      assertTrue(((Number) matrix.get("tokens")).longValue() > 0, line);
    }
    assertTrue(Files.readString(picture).contains("expert down"));
    String shown = Launch.of("inspect", model.toString()).out();
    assertTrue(shown.contains("espalier.quantisation.codec"), shown);
    assertTrue(shown.contains("tokenizer.ggml.eos_token_id"), shown);
    assertTrue(shown.contains("read as qtip"), shown);
    assertTrue(shown.matches("(?s).*token_embd.weight +BF16 .*"), shown);
    assertEquals(
        0, Launch.of("logits", "-m", model + "", "--tokens", "1,2", "-o", model + ".l").exitCode());
  }

  @Test
  void theSameBytesAtAnyThreadCountAndAfterEveryKill() throws Exception {
    byte[] expected = Files.readAllBytes(quantize("one.gguf", "-t", "1"));
    assertTrue(
        java.util.Arrays.equals(expected, Files.readAllBytes(quantize("three.gguf", "-t", "3"))));
    Random random = new Random(5);
    Path out = folder.resolve("killed.gguf");
    Path work = folder.resolve("killed.gguf.work");
    for (int kill = 0; kill < 10; kill++) {
      Process process =
          Launch.begin(
              folder.resolve("out"),
              folder.resolve("err"),
              arguments("killed.gguf", "-t", "2", "--resume"));
      await(process, work, kill);
      process.waitFor(random.nextInt(150), TimeUnit.MILLISECONDS);
      process.destroyForcibly().waitFor();
    }
    if (Files.notExists(out)) {
      Launch refused = Launch.of(arguments("killed.gguf", "--seed", "7", "--resume"));
      assertTrue(refused.err().contains("begun with another seed (1, now 7)"), refused.err());
      assertTrue(Launch.of(arguments("killed.gguf")).err().contains("--resume goes on"));
      quantize("killed.gguf", "-t", "2", "--resume");
    }
    assertTrue(java.util.Arrays.equals(expected, Files.readAllBytes(out)));
  }

  /** Waits until one more matrix than kills so far is there. */
  private static void await(Process process, Path work, int results) throws Exception {
    while (process.isAlive()) {
      if (Files.isDirectory(work)) {
        try (var files = Files.list(work)) {
          if (files.filter(file -> file.toString().endsWith(".unit")).count() > results) {
            return;
          }
        } catch (java.io.UncheckedIOException | java.nio.file.NoSuchFileException _) {
          // it is being removed
        }
      }
      Thread.sleep(5);
    }
  }

  @Test
  void savedHessiansGiveTheSameFile() throws Exception {
    Path saved = folder.resolve("hessians");
    Path first = quantize("first.gguf", "--hessians", saved + "");
    Launch launch =
        Launch.of(
            "quantize",
            "-m",
            checkpoint + "",
            "--hessians",
            saved + "",
            "-o",
            folder + "/again.gguf");
    assertEquals(0, launch.exitCode(), launch.err());
    assertEquals(-1, Files.mismatch(first, folder.resolve("again.gguf")));
    quantize("mean.gguf", "--hessians", saved + "", "--hessian", "layer-mean", "--compatible");
    String shown = Launch.of("inspect", folder + "/mean.gguf").out();
    assertTrue(shown.contains("Metadata (17)"), shown);
    assertTrue(shown.contains("olmoe.expert_weights_scale"), shown);
    assertTrue(shown.matches("(?s).*token_embd.weight +F32 .*"), shown);
    assertFalse(shown.contains("espalier."), shown);
  }

  @Test
  void whatTheCodecCannotHoldStaysPlain() throws Exception {
    checkpoint = new Checkpoint(256, 48, 2).write(folder.resolve("odd"));
    Launch launch = Launch.of(arguments("odd.gguf", "--embeddings", "q8_0"));
    assertEquals(0, launch.exitCode(), launch.err());
    assertTrue(
        launch.err().contains("'blk.1.ffn_down_exps' (2 × 256 × 48) stays BF16"), launch.err());
    String shown = Launch.of("inspect", folder + "/odd.gguf").out();
    assertTrue(shown.matches("(?s).*blk.1.ffn_down_exps.weight +BF16 .*"), shown);
    assertTrue(shown.matches("(?s).*token_embd.weight +Q8_0 .*"), shown);
  }

  @Test
  void badInputIsOneSentenceAndFinishedWorkIsKept() throws Exception {
    String name = "model.layers.1.mlp.experts.1.down_proj.weight";
    checkpoint = small().set(name, 300, Float.NaN).write(folder.resolve("broken"));
    Launch launch = Launch.of(arguments("new.gguf"));
    assertEquals(1, launch.exitCode());
    assertTrue(
        launch.err().contains("blk.1.ffn_down_exps.weight is NaN (expert 1, row 1, column 44)"));
    try (var files = Files.list(folder.resolve("new.gguf.work"))) {
      assertEquals(MATRICES / 2, files.filter(f -> f.toString().endsWith(".unit")).count());
    }
    assertFalse(Files.exists(folder.resolve("new.gguf")));
    Files.delete(checkpoint.resolve("model-00002-of-00002.safetensors"));
    launch = Launch.of(arguments("new.gguf", "--resume"));
    assertTrue(launch.sentence().contains("model-00002-of-00002.safetensors"), launch.err());
    launch = Launch.of(arguments("new.gguf", "--length", "31", "--hessian", "median"));
    assertEquals(2, launch.exitCode());
    assertTrue(launch.sentence().contains("per-expert, layer-mean and token-weighted"));
  }

  @Test
  void ctrlCEndsWith130AndCanBeResumed() throws Exception {
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    numpy(ids, 24);
    Process process = Launch.begin(out, err, arguments("new.gguf", "-t", "1"));
    await(process, folder.resolve("new.gguf.work"), 2);
    process.destroy(); // SIGTERM takes the same way as SIGINT
    assertEquals(143, Launch.ended(process, out, err).exitCode());
    assertFalse(Files.readString(err).contains("Exception"), Files.readString(err));
    quantize("new.gguf", "--resume");
  }
}
