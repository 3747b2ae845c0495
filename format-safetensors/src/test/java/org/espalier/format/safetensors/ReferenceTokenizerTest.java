package org.espalier.format.safetensors;

import static org.espalier.format.safetensors.CheckpointFolder.small;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.ModelArtifact;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** OLMo's own tokenizer.json, which is too large for the project. */
final class ReferenceTokenizerTest {
  @TempDir Path path;

  @Test
  void readsTheTokenizerOfOlmo() throws IOException {
    String reference = System.getProperty("espalier.reference");
    assumeTrue(
        reference != null, "needs -Despalier.reference=FOLDER, the folder with the reference data");
    Path tokenizer = Path.of(reference, "olmo-tokenizer", "tokenizer.json");
    new CheckpointFolder(path)
        .withModel(small("a"), 24)
        .with("tokenizer.json", Files.readAllBytes(tokenizer));
    try (ModelArtifact artifact = CheckpointFolder.open(path)) {
      Metadata metadata = artifact.metadata();
      List<String> tokens = metadata.texts("tokenizer.ggml.tokens").orElseThrow();
      List<Long> types = metadata.wholes("tokenizer.ggml.token_type").orElseThrow();
      assertEquals(50_280, tokens.size());
      assertEquals(50_009, metadata.texts("tokenizer.ggml.merges").orElseThrow().size());
      assertEquals("olmo", metadata.text("tokenizer.ggml.pre").orElseThrow());
      assertEquals("<|endoftext|>", tokens.get(50_279));
      assertEquals(" ".repeat(24), tokens.get(50_254));
      assertEquals(2, types.stream().filter(type -> type == 3).count());
      assertEquals(26, types.stream().filter(type -> type == 4).count());
      assertEquals(0, types.stream().filter(type -> type == 5).count());
    }
  }
}
