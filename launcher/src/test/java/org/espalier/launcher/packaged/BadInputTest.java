package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Whatever is wrong: one sentence, no text on standard output, no stack trace. Two failures are
 * those of a process, the rest are here.
 */
class BadInputTest {
  @TempDir private Path folder;

  @Test
  void missingFile() throws Exception {
    String none = folder.resolve("none.gguf").toString();
    assertRefused(2, "none.gguf", Launch.of("completion", "-m", none, "-p", "Once"));
  }

  @Test
  void folderForAFile() throws Exception {
    assertRefused(1, folder.getFileName().toString(), complete(folder));
  }

  @Test
  void emptyFile() throws Exception {
    assertRefused(1, "bad.gguf", complete(Files.createFile(bad())));
  }

  @Test
  void notGguf() throws Exception {
    String text = Files.writeString(bad(), "Once upon a time\n").toString();
    assertRefused(1, "bad.gguf", Launch.of("completion", "-m", text, "-p", "Once"));
  }

  @Test
  void truncatedHeader() throws Exception {
    assertRefused(1, "bad.gguf", complete(Gguf.demo().writeFirst(20_000, bad())));
  }

  @Test
  void truncatedTensors() throws Exception {
    int size = (int) Files.size(Launch.DEMO);
    assertRefused(1, "bad.gguf", complete(Gguf.demo().writeFirst(size - 1000, bad())));
  }

  @Test
  void unknownArchitecture() throws Exception {
    Launch launch = complete(Gguf.demo().replace("olmoe", "mamba").write(bad()));
    assertRefused(1, "mamba", launch);
    assertTrue(launch.err().contains("olmoe"), launch.err());
  }

  @Test
  void unknownTensorType() throws Exception {
    Launch launch = complete(Gguf.demo().type("blk.0.attn_q.weight", 99).write(bad()));
    assertRefused(1, "blk.0.attn_q", launch);
    assertTrue(launch.err().contains("99"), launch.err());
    assertTrue(launch.err().contains("qtip"), launch.err());
  }

  @Test
  void missingTensor() throws Exception {
    Launch launch =
        Launch.here("completion", "-p", "x", "--override-kv", "olmoe.block_count=int:5");
    assertRefused(1, "blk.4.", launch);
  }

  @Test
  void unexpectedTensor() throws Exception {
    Path file = Gguf.demo().replace("output_norm.weight", "output_morn.weight").write(bad());
    assertRefused(1, "output_morn.weight", complete(file));
  }

  @Test
  void missingSigns() throws Exception {
    String name = "blk.0.attn_q.sign_r.weight";
    Path file = Gguf.demo().replace(name, "blk.0.attn_q.sing_r.weight").write(bad());
    assertRefused(1, "sign_r", complete(file));
  }

  @Test
  void wrongShape() throws Exception {
    Path file = Gguf.demo().dimension("blk.0.attn_q.weight", 1, 128).write(bad());
    assertRefused(1, "blk.0.attn_q", complete(file));
  }

  @Test
  void absurdShape() throws Exception {
    Path file = Gguf.demo().dimension("output_norm.weight", 0, Long.MAX_VALUE).write(bad());
    assertRefused(1, "output_norm.weight", complete(file));
  }

  @Test
  void promptTooLong() throws Exception {
    assertRefused(2, "context", Launch.here("completion", "-p", "word ".repeat(2000)));
  }

  @Test
  void emptyPrompt() throws Exception {
    assertRefused(2, "empty", Launch.here("completion", "-p", ""));
  }

  @Test
  void missingPromptFile() throws Exception {
    String none = folder.resolve("none.txt").toString();
    assertRefused(2, "none.txt", Launch.here("completion", "-f", none));
  }

  @Test
  void wrongFlag() throws Exception {
    assertRefused(2, "--tempo", Launch.here("completion", "-p", "x", "--tempo", "1"));
  }

  @Test
  void unknownBackend() throws Exception {
    Launch launch = Launch.here("completion", "-p", "x", "--backend", "abacus");
    assertTrue(launch.exitCode() == 1 || launch.exitCode() == 2);
    assertRefused(launch.exitCode(), "abacus", launch);
    assertTrue(launch.err().contains("cpu"), launch.err());
  }

  @Test
  void backendThatCannotRunHere() throws Exception {
    Launch launch = Launch.here("completion", "-p", "x", "--backend", "cuda");
    assertRefused(launch.exitCode(), "cuda", launch);
    assertTrue(launch.exitCode() > 0);
  }

  @Test
  void excludedCodec() throws Exception {
    assertRefused(
        1, "blk.0.attn_q", Launch.here("completion", "-p", "x", "--exclude-provider", "qtip"));
  }

  @Test
  void wrongOverride() throws Exception {
    Launch launch =
        Launch.here("completion", "-p", "x", "--override-kv", "olmoe.block_count=str:four");
    assertRefused(1, "olmoe.block_count", launch);
  }

  @Test
  void tokenOutsideTheVocabulary() throws Exception {
    Path out = folder.resolve("logits");
    assertRefused(2, "4080", Launch.here("logits", "--tokens", "1,4080", "-o", out.toString()));
    assertFalse(Files.exists(out));
  }

  @Test
  void malformedLine() throws Exception {
    Launch launch = Launch.hereWith("\"a\"\n[1]\n", "tokenize", "--jsonl");
    assertEquals(2, launch.exitCode());
    assertTrue(launch.sentence().contains("line 2"), launch.err());
    assertEquals(1, launch.out().lines().count());
  }

  private Path bad() {
    return folder.resolve("bad.gguf");
  }

  private static Launch complete(Path model) {
    return Launch.here("completion", "-m", model.toString(), "-p", "Once", "-n", "1");
  }

  private static void assertRefused(int exitCode, String named, Launch launch) {
    assertTrue(launch.sentence().contains(named), launch.err());
    assertFalse(launch.err().contains("defect"), launch.err());
    assertEquals("", launch.out());
    assertEquals(exitCode, launch.exitCode(), launch.err());
  }
}
