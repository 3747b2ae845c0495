package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.jr.ob.JSON;

/** Checkpoints run as they are and become GGUF files that give the same numbers. */
class ConvertTest {
  private static final String IDS = "72,105,32,226,152,131,10,256,72";

  @TempDir private Path folder;

  private Launch convert(Path checkpoint, String name, String... more) throws Exception {
    List<String> arguments =
        new ArrayList<>(
            List.of("convert", "-m", checkpoint.toString(), "-o", folder.resolve(name).toString()));
    arguments.addAll(List.of(more));
    return Launch.here(arguments.toArray(String[]::new));
  }

  private byte[] logits(Path model, String ids) throws Exception {
    Path out = folder.resolve("logits.f32");
    Launch launch =
        Launch.here(
            "logits",
            "-m",
            model.toString(),
            "--tokens",
            ids,
            "-o",
            out.toString(),
            "--precision",
            "exact");
    assertEquals(0, launch.exitCode(), launch.err());
    return Files.readAllBytes(out);
  }

  @Test
  void theSameNumbersInEveryType() throws Exception {
    Path checkpoint = new Checkpoint().write(folder.resolve("checkpoint"));
    byte[] expected = logits(checkpoint, IDS);
    assertEquals(9 * Checkpoint.VOCABULARY * Float.BYTES, expected.length);
    for (String type : List.of("bf16", "f32")) {
      Launch launch = convert(checkpoint, type + ".gguf", "--type", type);
      assertEquals(0, launch.exitCode(), launch.err());
      assertFalse(launch.err().contains("rounded"), launch.err());
      assertTrue(launch.err().contains("weights in 27 tensors"), launch.err());
      assertArrayEquals(expected, logits(folder.resolve(type + ".gguf"), IDS), type);
    }
    Path f32 = folder.resolve("f32.gguf");
    assertEquals(0, convert(f32, "again.gguf", "--type", "bf16").exitCode());
    assertEquals(-1, Files.mismatch(folder.resolve("bf16.gguf"), folder.resolve("again.gguf")));
  }

  @Test
  void theTokenizerGoesWithIt() throws Exception {
    Path checkpoint = new Checkpoint().write(folder.resolve("checkpoint"));
    assertEquals(0, convert(checkpoint, "new.gguf", "--name", "Small").exitCode());
    String text = "Hi ☃\n<|endoftext|>H";
    for (Path model : List.of(checkpoint, folder.resolve("new.gguf"))) {
      Launch launch = Launch.here("tokenize", "-m", model.toString(), "-p", text, "--ids");
      assertEquals(0, launch.exitCode(), launch.err());
      assertEquals("", launch.err(), "nothing had to be repaired");
      assertEquals(IDS, launch.out().replaceAll("[^0-9,]", ""));
    }
  }

  @Test
  void roundingIsAnnounced() throws Exception {
    Path checkpoint =
        new Checkpoint().set("lm_head.weight", 5, 1e-30f).write(folder.resolve("checkpoint"));
    Launch launch = convert(checkpoint, "f16.gguf", "--type", "f16");
    assertEquals(0, launch.exitCode(), launch.err());
    assertTrue(launch.err().contains("those that F16 cannot hold will be rounded"), launch.err());
    assertTrue(launch.err().contains("weights were rounded, by"), launch.err());
  }

  @Test
  void badWeightsAreNamedAndNothingIsLeft() throws Exception {
    String name = "model.layers.1.mlp.experts.2.down_proj.weight";
    Path broken = new Checkpoint().set(name, 29, Float.NaN).write(folder.resolve("broken"));
    Launch launch = convert(broken, "new.gguf");
    assertEquals(1, launch.exitCode());
    assertTrue(launch.sentence().contains("'" + name + "'"), launch.err());
    assertTrue(launch.sentence().contains("NaN in row 2, column 5"), launch.err());
    Path large = new Checkpoint().set(name, 0, 1e30f).write(folder.resolve("large"));
    launch = convert(large, "new.gguf", "--type", "f16");
    assertEquals(1, launch.exitCode());
    assertTrue(launch.sentence().contains("too large for F16"), launch.err());
    try (var files = Files.list(folder)) {
      assertEquals(
          List.of("broken", "large"),
          files.map(file -> file.getFileName().toString()).sorted().toList());
    }
  }

  @Test
  void missingShardsAreNamed() throws Exception {
    Path checkpoint = new Checkpoint().write(folder.resolve("checkpoint"));
    Files.delete(checkpoint.resolve("model-00002-of-00002.safetensors"));
    Launch launch = convert(checkpoint, "new.gguf");
    assertEquals(1, launch.exitCode());
    assertTrue(launch.sentence().contains("model-00002-of-00002.safetensors"), launch.err());
  }

  @Test
  void encodedModelsAndWrongFlagsAreRefused() throws Exception {
    Launch launch = convert(Launch.DEMO, "new.gguf");
    assertEquals(1, launch.exitCode());
    assertTrue(launch.sentence().contains("encoded by qtip"), launch.err());
    assertTrue(convert(Launch.DEMO, "new.gguf", "--type", "q8").sentence().contains("bf16"));
    Path checkpoint = new Checkpoint().write(folder.resolve("checkpoint"));
    launch = convert(checkpoint, "new", "--format", "safetensors");
    assertTrue(launch.sentence().contains("only reads"), launch.err());
    Files.writeString(folder.resolve("there"), "x");
    assertEquals(2, convert(checkpoint, "there").exitCode());
    assertEquals("x", Files.readString(folder.resolve("there")));
  }

  /** A trained model, too large for the project, against the numbers that PyTorch computed. */
  @Test
  void theReferenceCheckpoint() throws Exception {
    String data = System.getProperty("espalier.reference");
    assumeTrue(
        data != null, "needs -Despalier.reference=FOLDER, the folder with the reference data");
    Path reference = Path.of(data, "tiny-tales", "reference");
    Path checkpoint = Path.of(data, "tiny-tales", "hf");
    assertEquals(0, convert(checkpoint, "new.gguf").exitCode());
    Map<String, Object> index =
        JSON.std.mapFrom(Files.readString(reference.resolve("logits_index.json")));
    for (Object entry : (List<?>) index.get("bf16")) {
      Map<?, ?> prompt = (Map<?, ?>) entry;
      String ids =
          ((List<?>) prompt.get("ids"))
              .stream().map(String::valueOf).collect(Collectors.joining(","));
      FloatBuffer expected = floats(reference.resolve((String) prompt.get("logits")));
      byte[] direct = logits(checkpoint, ids);
      assertClose(expected, ByteBuffer.wrap(direct).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer());
      assertArrayEquals(direct, logits(folder.resolve("new.gguf"), ids));
    }
  }

  private static FloatBuffer floats(Path file) throws IOException {
    return ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
  }

  private static void assertClose(FloatBuffer expected, FloatBuffer actual) {
    assertEquals(expected.limit(), actual.limit());
    double difference = 0;
    double size = 0;
    for (int i = 0; i < expected.limit(); i++) {
      difference += Math.pow((double) actual.get(i) - expected.get(i), 2);
      size += Math.pow(expected.get(i), 2);
    }
    double error = Math.sqrt(difference / size);
    assertTrue(error <= 1e-4, "relative error " + error);
  }
}
