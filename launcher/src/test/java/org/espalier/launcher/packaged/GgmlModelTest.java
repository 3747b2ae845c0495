package org.espalier.launcher.packaged;

import static org.espalier.launcher.packaged.ModelFiles.PLAIN;
import static org.espalier.launcher.packaged.ModelFiles.bytes;
import static org.espalier.launcher.packaged.ModelFiles.relativeError;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;
import org.espalier.launcher.packaged.ModelFiles.Written;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whole models in ggml's block types: the demo model, decoded and quantised anew. */
class GgmlModelTest {
  @TempDir private Path folder;
  private final ModelFiles files = new ModelFiles();

  @Test
  void aModelOfBlocksGivesTheLogitsOfTheNumbersThatTheyStandFor() throws Exception {
    Map<String, float[]> weights = files.weights();
    float[] reference = logits(write("dense.gguf", weights, _ -> null));
    double rounding =
        relativeError(reference, logits(write("q8_0.gguf", weights, _ -> BlockQuantizer.Q8_0)));
    assertTrue(rounding > 1e-5 && rounding < 0.03, "8 bits are close, but not equal: " + rounding);

    Path mixed = write("mixed.gguf", weights, GgmlModelTest::mixture);
    float[] mixture = logits(mixed);
    assertTrue(relativeError(logits(decoded(mixed)), mixture) < 1e-5, "blocks and their values");
    assertTrue(relativeError(reference, mixture) < 0.6, "4 bits are not far");

    Launch text =
        Launch.of("completion", "-m", mixed.toString(), "-p", "Once upon", "-n", "8", "-s", "1");
    assertEquals(0, text.exitCode(), text.err());
    Launch explained = Launch.of("explain", "-m", mixed.toString());
    assertTrue(explained.out().contains("weights ggml layout 12"), explained.out());
    assertTrue(explained.out().contains("kernel generic"), explained.out());
    Launch checked = Launch.of("inspect", mixed.toString(), "--check");
    assertEquals(0, checked.exitCode(), checked.out());
  }

  private static BlockQuantizer mixture(String name) {
    return switch (name) {
      case String head when head.startsWith("output") -> BlockQuantizer.Q6_K;
      case String value when value.contains("attn_v") -> BlockQuantizer.Q6_K;
      case String query when query.contains("attn_q") -> BlockQuantizer.Q8_0;
      case String key when key.contains("attn_k") -> BlockQuantizer.Q4_0;
      default -> BlockQuantizer.Q4_K;
    };
  }

  private Path write(
      String name, Map<String, float[]> weights, Function<String, BlockQuantizer> quantizer) {
    return files.writeDemo(folder.resolve(name), weights, quantizer);
  }

  /** The same file with all blocks decoded. */
  private Path decoded(Path blocks) {
    Path file = folder.resolve("decoded-" + blocks.getFileName());
    try (ModelArtifact artifact = files.open(blocks)) {
      Map<String, Written> tensors = new LinkedHashMap<>();
      for (Tensor tensor : artifact.tensors().values()) {
        byte[] bytes =
            tensor.type() instanceof StorageType.Block
                ? bytes(files.values(artifact, tensor))
                : tensor.bytes().toArray(ValueLayout.JAVA_BYTE);
        tensors.put(tensor.name(), new Written(PLAIN, tensor.shape(), bytes));
      }
      files.write(file, artifact.metadata(), tensors);
    }
    return file;
  }

  private static float[] logits(Path model) throws IOException, InterruptedException {
    return ModelFiles.logits(model, List.of());
  }
}
