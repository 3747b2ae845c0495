package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.jr.ob.JSON;

/** Whole models are quantised, whatever interrupts the work. */
class QuantizeTest {
  /** 2 layers × (4 + 2 experts × 3). */
  private static final int MATRICES = 20;

  private static final int LENGTH = 32;

  @TempDir private static Path shared;
  private static Path whole = Path.of("");
  private static Path ids = Path.of("");
  private static Path model = Path.of("");
  private static Path hessians = Path.of("");

  @TempDir private Path folder;
  private Path checkpoint = whole;

  /** What all others are compared with. */
  @BeforeAll
  static void quantizeOnce() throws Exception {
    whole = small().write(shared.resolve("checkpoint"));
    ids = shared.resolve("ids.npy");
    numpy(ids, 24);
    hessians = shared.resolve("hessians");
    model = shared.resolve("one.gguf");
    Launch launch =
        Launch.of(
            arguments(
                whole,
                model,
                List.of(
                    "-t",
                    "1",
                    "--hessians",
                    hessians + "",
                    "--json-report",
                    shared.resolve("report.jsonl") + "",
                    "--picture",
                    shared.resolve("losses.svg") + "")));
    assertEquals(0, launch.exitCode(), launch.err());
    assertTrue(launch.err().startsWith("estimate: "), launch.err());
    assertFalse(Files.exists(shared.resolve("one.gguf.work")), "the work folder is gone");
  }

  private static Checkpoint small() {
    return new Checkpoint(256, 256, 2);
  }

  /** With fewer tiles: matrices of 256 × 16 stay plain. */
  private static Checkpoint smaller() {
    return new Checkpoint(256, 16, 2);
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

  private static String[] arguments(Path checkpoint, Path out, List<String> more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "quantize",
                "-m",
                checkpoint.toString(),
                "--calibration",
                ids.toString(),
                "-o",
                out.toString(),
                "--sequences",
                "24",
                "--length",
                "" + LENGTH));
    if (!more.contains("--recipe")) {
      arguments.addAll(List.of("--recipe", "published"));
    }
    arguments.addAll(more);
    return arguments.toArray(String[]::new);
  }

  private String[] arguments(String out, String... more) {
    return arguments(checkpoint, folder.resolve(out), List.of(more));
  }

  private void succeed(String... arguments) throws Exception {
    Launch launch = Launch.here(arguments);
    assertEquals(0, launch.exitCode(), launch.err());
  }

  private void assertSame(String out) throws Exception {
    assertEquals(-1, Files.mismatch(model, folder.resolve(out)));
  }

  @Test
  void theFileIsCompleteAndReported() throws Exception {
    List<String> lines = Files.readAllLines(shared.resolve("report.jsonl"));
    assertEquals(MATRICES, lines.size());
    for (String line : lines) {
      Map<String, Object> matrix = JSON.std.mapFrom(line);
      double relative = ((Number) matrix.get("relative_proxy_loss")).doubleValue();
      assertTrue(relative > 0 && relative < 0.15, line);
      assertTrue(((Number) matrix.get("tokens")).longValue() > 0, line);
    }
    assertTrue(Files.readString(shared.resolve("losses.svg")).contains("expert down"));
    String shown = Launch.here("inspect", model.toString()).out();
    assertTrue(shown.contains("espalier.quantisation.codec"), shown);
    assertTrue(shown.contains("tokenizer.ggml.eos_token_id"), shown);
    assertTrue(shown.contains("read as qtip"), shown);
    assertTrue(shown.matches("(?s).*token_embd.weight +BF16 .*"), shown);
    succeed("logits", "-m", model + "", "--tokens", "1,2", "-o", folder.resolve("l") + "");
  }

  @Test
  void theSameBytesAfterEveryKill() throws Exception {
    Random random = new Random(5);
    checkpoint = smaller().write(folder.resolve("smaller"));
    succeed(arguments("uninterrupted.gguf", "-t", "1"));
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
      Launch refused = Launch.here(arguments("killed.gguf", "--seed", "7", "--resume"));
      assertTrue(refused.err().contains("begun with another seed (1, now 7)"), refused.err());
      assertTrue(Launch.here(arguments("killed.gguf")).err().contains("--resume goes on"));
      succeed(arguments("killed.gguf", "-t", "2", "--resume"));
    }
    assertEquals(-1, Files.mismatch(folder.resolve("uninterrupted.gguf"), out));
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
  void theSameBytesFromSavedHessiansAtAnyThreadCount() throws Exception {
    String[] rest = {"-m", whole + "", "--hessians", hessians + "", "--recipe", "published"};
    succeed(concat(rest, "quantize", "-t", "3", "-o", folder.resolve("again.gguf") + ""));
    assertSame("again.gguf");
    Path mean = folder.resolve("mean.gguf");
    succeed(concat(rest, "quantize", "--hessian", "layer-mean", "--compatible", "-o", mean + ""));
    String shown = Launch.here("inspect", mean + "").out();
    assertTrue(shown.contains("Metadata (17)"), shown);
    assertTrue(shown.contains("olmoe.expert_weights_scale"), shown);
    assertTrue(shown.matches("(?s).*token_embd.weight +F32 .*"), shown);
    assertFalse(shown.contains("espalier."), shown);
  }

  private static String[] concat(String[] rest, String... first) {
    List<String> all = new ArrayList<>(List.of(first));
    all.addAll(List.of(rest));
    return all.toArray(String[]::new);
  }

  @Test
  void shardsJoinToTheFileOfASingleRun() throws Exception {
    for (int shard : new int[] {3, 1}) {
      succeed(arguments("joined.gguf", "--shard", shard + "/3", "-t", "2"));
    }
    String[] merge = {"merge", "-m", whole + "", "-o", folder.resolve("joined.gguf") + ""};
    Launch launch = Launch.here(merge);
    assertTrue(launch.sentence().contains("of 3 shards [2] are missing"), launch.err());
    // The machine of the second has Hessians from elsewhere, and is interrupted.
    String[] second = arguments("joined.gguf", "--shard", "2/3", "--hessians", hessians + "");
    Path units = folder.resolve("joined.gguf.shard-2-of-3");
    Process process = Launch.begin(folder.resolve("out"), folder.resolve("err"), second);
    await(process, units, 1);
    process.destroyForcibly().waitFor();
    assertTrue(Launch.here(merge).sentence().contains("is unfinished"));
    succeed(concat(new String[] {"--resume"}, second));
    assertFalse(Files.exists(folder.resolve("joined.gguf")));
    succeed(arguments("other", "--shard", "1/30", "--seed", "2"));
    String other = folder.resolve("other.shard-1-of-30").toString();
    launch = Launch.here(concat(new String[] {units + "", other}, merge));
    assertTrue(launch.sentence().contains("seed is 1 in one and 2 in the other"), launch.err());
    succeed(merge);
    assertSame("joined.gguf");
  }

  @Test
  @DisabledOnOs(OS.WINDOWS)
  void aFullDiskIsOneSentenceAndTheWorkGoesOnAfterwards() throws Exception {
    assumeTrue(Files.isWritable(Path.of("/dev/full")));
    String[] shard = arguments("full", "--shard", "1/10", "--hessians", hessians + "");
    succeed(shard);
    Path work = folder.resolve("full.shard-1-of-10");
    Path unit = work.resolve("blk.0.attn_q.0.unit");
    byte[] expected = Files.readAllBytes(unit);
    Files.delete(unit);
    Path unfinished = work.resolve("blk.0.attn_q.0.unit.part");
    Files.createSymbolicLink(unfinished, Path.of("/dev/full"));
    Launch launch = Launch.here(concat(new String[] {"--resume"}, shard));
    assertEquals(1, launch.exitCode());
    String said = launch.err();
    assertTrue(said.contains("No space left on device); finished work is kept"), said);
    Files.delete(unfinished);
    succeed(concat(new String[] {"--resume"}, shard));
    assertArrayEquals(expected, Files.readAllBytes(unit));
  }

  @Test
  void leversChangeTheFileAndAreSaidInIt() throws Exception {
    Path best = folder.resolve("best.gguf");
    Launch launch = Launch.here(arguments("best.gguf", "--recipe", "best"));
    assertEquals(0, launch.exitCode(), launch.err());
    assertTrue(launch.err().contains("held-out text after 1 passes of tuning: "), launch.err());
    assertTrue(
        launch.err().matches("(?s)estimate: [^(]*\\(calibration .*, tuning .*"), launch.err());
    String said = Launch.here("inspect", best + "").out();
    assertTrue(said.matches("(?s).*espalier.quantisation.tuning +\\S+ +1.*"), said);
    assertTrue(said.matches("(?s).*espalier.quantisation.objective +\\S+ +predictions.*"), said);
    Path published = model;
    String shown = Launch.here("inspect", published + "").out();
    assertTrue(shown.matches("(?s).*espalier.quantisation.objective +\\S+ +outputs.*"), shown);
    assertTrue(shown.matches("(?s).*espalier.quantisation.weighting +\\S+ +none.*"), shown);
    assertTrue(shown.matches("(?s).*espalier.quantisation.tuning +\\S+ +0.*"), shown);
    assertEquals(Files.size(published) / 4096, Files.size(best) / 4096, "no more bits");
    assertNotEquals(-1, Files.mismatch(published, best));
    Path report = folder.resolve("refined.jsonl");
    succeed(arguments("refined.gguf", "--refine", "1", "--json-report", report + ""));
    double before = loss(shared.resolve("report.jsonl"));
    double after = loss(report);
    assertTrue(after < before, after + " against " + before);
    succeed(arguments("outputs.gguf", "--recipe", "best", "--objective", "outputs", "--tune", "0"));
    said = Launch.here("inspect", folder.resolve("outputs.gguf") + "").out();
    assertTrue(said.matches("(?s).*espalier.quantisation.weighting +\\S+ +gates.*"), said);
    assertTrue(said.matches("(?s).*espalier.quantisation.enlargement +\\S+ +1.05.*"), said);
    Path attention = folder.resolve("attention.gguf");
    String mixed = "q=q8_0,v=q6_k,o=q5_0";
    succeed(arguments("attention.gguf", "--recipe", "best", "--attention", mixed));
    shown = Launch.here("inspect", attention + "").out();
    assertTrue(shown.matches("(?s).*blk.1.attn_q.weight +Q8_0 .*"), shown);
    assertTrue(shown.matches("(?s).*blk.1.attn_k.sign_l.weight +F32 .*"), shown);
    assertTrue(shown.matches("(?s).*blk.1.attn_v.weight +Q6_K .*"), shown);
    assertTrue(shown.matches("(?s).*blk.1.attn_output.weight +Q5_0 .*"), shown);
    assertTrue(
        shown.matches("(?s).*quantisation.attention +\\S+ +q=q8_0,k=codes,v=q6_k,o=q5_0.*"), shown);
    Launch refused = Launch.here(arguments("new.gguf", "--attention", "v=q3_9"));
    assertEquals(2, refused.exitCode());
    assertTrue(refused.sentence().contains("'q3_9' is none of q4_0, iq4_nl"), refused.err());
    refused = Launch.here(arguments("new.gguf", "--inputs", "rounded"));
    assertEquals(2, refused.exitCode());
    assertTrue(refused.sentence().contains("quantized or original"), refused.err());
    refused = Launch.here(arguments("new.gguf", "--enlarge", "0"));
    assertTrue(refused.sentence().contains("--enlarge must be"), refused.err());
    refused = Launch.here(arguments("new.gguf", "--tune", "1", "--shard", "1/2"));
    assertTrue(refused.sentence().contains("--shard goes with"), refused.err());
    refused =
        Launch.here(arguments("new.gguf", "--objective", "predictions", "--weighting", "gates"));
    assertTrue(refused.sentence().contains("goes with --hessian per-expert"), refused.err());
  }

  /** Whatever the thread count, from saved moments, and in shards. */
  @Test
  void theSameBytesWherePredictionsCount() throws Exception {
    checkpoint = smaller().write(folder.resolve("smaller"));
    String[] recipe = {"--recipe", "best", "--tune", "0", "--attention", "k=iq4_nl,v=q5_0"};
    succeed(arguments("one.gguf", concat(recipe, "-t", "1")));
    Path moments = folder.resolve("moments");
    succeed(arguments("saving.gguf", concat(recipe, "-t", "3", "--hessians", moments + "")));
    String[] saved = {"quantize", "-m", checkpoint + "", "--hessians", moments + ""};
    succeed(concat(recipe, concat(new String[] {"-o", folder + "/saved.gguf"}, saved)));
    Launch refused =
        Launch.here(
            concat(new String[] {"-o", folder + "/x.gguf", "--objective", "outputs"}, saved));
    assertTrue(refused.sentence().contains("made with --objective predictions"), refused.err());
    for (String shard : List.of("1/2", "2/2")) {
      succeed(arguments("joined.gguf", concat(recipe, "--shard", shard)));
    }
    succeed("merge", "-m", checkpoint + "", "-o", folder.resolve("joined.gguf") + "");
    for (String other : List.of("saving.gguf", "saved.gguf", "joined.gguf")) {
      assertEquals(-1, Files.mismatch(folder.resolve("one.gguf"), folder.resolve(other)), other);
    }
  }

  /** Mean over all matrices. A model of random weights says too little for a test of its KL. */
  private static double loss(Path report) throws Exception {
    double sum = 0;
    for (String line : Files.readAllLines(report)) {
      sum += ((Number) JSON.std.mapFrom(line).get("relative_proxy_loss")).doubleValue();
    }
    return sum / MATRICES;
  }

  @Test
  void whatTheCodecCannotHoldStaysPlain() throws Exception {
    checkpoint = new Checkpoint(256, 48, 2).write(folder.resolve("odd"));
    Launch launch = Launch.here(arguments("odd.gguf", "--embeddings", "q8_0"));
    assertEquals(0, launch.exitCode(), launch.err());
    assertTrue(
        launch.err().contains("'blk.1.ffn_down_exps' (2 × 256 × 48) stays BF16"), launch.err());
    String shown = Launch.here("inspect", folder + "/odd.gguf").out();
    assertTrue(shown.matches("(?s).*blk.1.ffn_down_exps.weight +BF16 .*"), shown);
    assertTrue(shown.matches("(?s).*token_embd.weight +Q8_0 .*"), shown);
  }

  @Test
  void badInputIsOneSentenceAndFinishedWorkIsKept() throws Exception {
    String name = "model.layers.1.mlp.experts.1.down_proj.weight";
    checkpoint = small().set(name, 300, Float.NaN).write(folder.resolve("broken"));
    Launch launch = Launch.here(arguments("new.gguf"));
    assertEquals(1, launch.exitCode());
    assertTrue(
        launch.err().contains("blk.1.ffn_down_exps.weight is NaN (expert 1, row 1, column 44)"));
    try (var files = Files.list(folder.resolve("new.gguf.work"))) {
      assertEquals(MATRICES / 2, files.filter(f -> f.toString().endsWith(".unit")).count());
    }
    assertFalse(Files.exists(folder.resolve("new.gguf")));
    Path embeddings =
        smaller().set("lm_head.weight", 5, Float.NEGATIVE_INFINITY).write(folder.resolve("head"));
    launch =
        Launch.here(
            "quantize",
            "-m",
            embeddings + "",
            "--recipe",
            "published",
            "--calibration",
            ids + "",
            "--length",
            "16",
            "-o",
            folder.resolve("head.gguf") + "");
    assertTrue(launch.err().contains("output.weight is -Infinity (row 0, column 5)"), launch.err());
    Path second = checkpoint.resolve("model-00002-of-00002.safetensors");
    byte[] bytes = Files.readAllBytes(second);
    Files.write(second, java.util.Arrays.copyOf(bytes, bytes.length / 2));
    launch = Launch.here(arguments("new.gguf", "--resume"));
    assertTrue(launch.sentence().contains("model-00002-of-00002.safetensors"), launch.err());
    Files.delete(second);
    launch = Launch.here(arguments("new.gguf", "--resume"));
    assertTrue(launch.sentence().contains("model-00002-of-00002.safetensors"), launch.err());
    launch = Launch.here(arguments("new.gguf", "--length", "31", "--hessian", "median"));
    assertEquals(2, launch.exitCode());
    assertTrue(launch.sentence().contains("per-expert, layer-mean and token-weighted"));
    assertTrue(Launch.here(arguments("new.gguf", "--shard", "3/2")).sentence().contains("shard"));
  }

  @Test
  void ctrlCEndsWith130AndCanBeResumed() throws Exception {
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    Process process = Launch.begin(out, err, arguments("new.gguf", "-t", "1"));
    await(process, folder.resolve("new.gguf.work"), 2);
    process.destroy(); // SIGTERM takes the same way as SIGINT
    assertEquals(143, Launch.ended(process, out, err).exitCode());
    assertFalse(Files.readString(err).contains("Exception"), Files.readString(err));
    assertTrue(Launch.here(arguments("new.gguf")).sentence().contains("--resume goes on"));
  }
}
