package org.espalier.format.safetensors;

import static org.espalier.format.safetensors.CheckpointFolder.declined;
import static org.espalier.format.safetensors.CheckpointFolder.entry;
import static org.espalier.format.safetensors.CheckpointFolder.file;
import static org.espalier.format.safetensors.CheckpointFolder.header;
import static org.espalier.format.safetensors.CheckpointFolder.index;
import static org.espalier.format.safetensors.CheckpointFolder.small;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SafetensorsFormatTest {
  @TempDir Path path;
  private CheckpointFolder folder;

  @BeforeEach
  void start() {
    folder = new CheckpointFolder(path);
  }

  @Test
  void runsInItsModule() {
    assertTrue(SafetensorsFormat.class.getModule().isNamed());
    assertEquals("safetensors", new SafetensorsFormat().id());
  }

  @Test
  void tensorsHaveTypesShapesAndBytes() {
    folder.withModel(
        header(
            "\"__metadata__\":{\"format\":\"pt\"}",
            entry("c", "I64", "[]", 46, 54),
            entry("a", "F32", "[2,3]", 0, 24),
            entry("b", "BF16", "[3,1,2]", 24, 36),
            entry("h", "F16", "[5]", 36, 46),
            entry("x", "F4", "[2,3]", 54, 57),
            entry("y", "Q9_NEW", "[7]", 57, 60)),
        60);
    try (ModelArtifact artifact = folder.open()) {
      assertEquals(List.of("a", "b", "h", "c", "x", "y"), List.copyOf(artifact.tensors().keySet()));
      Tensor b = artifact.tensors().get("b");
      assertEquals(new StorageType.Plain(ElementType.BF16), b.type());
      assertEquals(List.of(3L, 1L, 2L), b.shape());
      assertArrayEquals(
          new byte[] {24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35},
          b.bytes().toArray(ValueLayout.JAVA_BYTE));
      assertEquals(new StorageType.Plain(ElementType.F16), artifact.tensors().get("h").type());
      assertEquals(new StorageType.Plain(ElementType.F32), artifact.tensors().get("a").type());
      assertEquals(List.of(), artifact.tensors().get("c").shape());
      assertEquals(1, artifact.tensors().get("c").elements());
      StorageType.Block block = (StorageType.Block) artifact.tensors().get("c").type();
      assertEquals("safetensors", block.namespace());
      assertEquals("I64", block.name());
      assertEquals(3, artifact.tensors().get("x").bytes().byteSize());
      assertEquals("Q9_NEW", artifact.tensors().get("y").type().toString());
      assertEquals("safetensors", artifact.format());
      assertEquals(path, artifact.path());
    }
  }

  @Test
  void theSizeIsThatOfAllFiles() throws IOException {
    folder
        .with("one.safetensors", file(small("a"), 24))
        .with("two.safetensors", file(small("b") + "   ", 24))
        .with(
            "model.safetensors.index.json", index("b", "two.safetensors", "a", "one.safetensors"));
    try (ModelArtifact artifact = folder.open()) {
      assertEquals(
          Files.size(path.resolve("one.safetensors")) + Files.size(path.resolve("two.safetensors")),
          artifact.size());
      assertEquals(List.of("a", "b"), List.copyOf(artifact.tensors().keySet()));
      assertEquals("safetensors, 2 shards", artifact.format());
    }
  }

  @Test
  void theIndexDecidesWhichTensorsCount() {
    String two = header(entry("a", "F16", "[2]", 0, 4), entry("old", "F16", "[2]", 4, 8));
    folder
        .with("one.safetensors", file(two, 8))
        .with("two.safetensors", file(two, 8))
        .with("model.safetensors.index.json", index("a", "two.safetensors"));
    try (ModelArtifact artifact = folder.open()) {
      assertEquals(List.of("a"), List.copyOf(artifact.tensors().keySet()));
    }
  }

  @Test
  void aSingleFileBringsTheMetadataBesideIt() {
    folder.withModel(small("a"), 24).with("config.json", "{\"model_type\":\"olmoe\"}");
    try (ModelArtifact artifact = CheckpointFolder.open(path.resolve("model.safetensors"))) {
      assertEquals("olmoe", artifact.metadata().text("general.architecture").orElseThrow());
      assertEquals(1, artifact.tensors().size());
    }
  }

  @Test
  void anyNameWillDo() {
    folder.with("weights.bin", file(small("a"), 24));
    try (ModelArtifact artifact = CheckpointFolder.open(path.resolve("weights.bin"))) {
      assertEquals(List.of(2L, 3L), artifact.tensors().get("a").shape());
    }
  }

  @Test
  void closingTakesTheBytesAway() {
    folder.withModel(small("a"), 24);
    ModelArtifact artifact = folder.open();
    Tensor tensor = artifact.tensors().get("a");
    artifact.close();
    artifact.close();
    assertThrows(IllegalStateException.class, () -> tensor.bytes().get(ValueLayout.JAVA_BYTE, 0));
  }

  @Test
  void declinesWhatIsAnother() {
    assertTrue(declined(path).contains("model.safetensors.index.json"), declined(path));
    folder.with("text", "Once upon a time there was a file of text.");
    folder.with("empty", "").with("zeros", new byte[100]).with("gguf", "GGUF\3\0\0\0{\0\0\0\0");
    for (String name : List.of("text", "empty", "zeros", "gguf")) {
      assertTrue(declined(path.resolve(name)).contains(name));
    }
  }

  @Test
  void refusesOneShardOfSeveral() {
    folder.with("model-00002-of-00003.safetensors", file(small("a"), 24));
    Path shard = path.resolve("model-00002-of-00003.safetensors");
    InvalidRequest failure = assertThrows(InvalidRequest.class, () -> CheckpointFolder.open(shard));
    assertTrue(failure.getMessage().contains("one shard of 3"), failure.getMessage());
    assertThrows(InvalidRequest.class, () -> CheckpointFolder.open(path.resolve("nowhere")));
  }

  @Test
  void configurationsBecomeKeys() {
    folder
        .withModel(small("a"), 24)
        .with(
            "config.json",
            """
            {"model_type":"olmoe","hidden_size":256,"rms_norm_eps":1e-05,"clip_qkv":null,
             "tie_word_embeddings":false,"architectures":["OlmoeForCausalLM"],"ids":[1,2],
             "mixed":[1,2.5],"odd":[1,"a",[true]],"big":12345678901234567890,
             "rope_scaling":{"type":"linear","factor":2.0}}
            """)
        .with("generation_config.json", "{\"eos_token_id\":7}")
        .with(
            "tokenizer_config.json",
            "{\"chat_template\":\"{{ x }}\",\"model_max_length\":9,\"added_tokens_decoder\":{}}");
    try (ModelArtifact artifact = folder.open()) {
      Metadata metadata = artifact.metadata();
      assertEquals("olmoe", metadata.text("general.architecture").orElseThrow());
      assertEquals(path.getFileName().toString(), metadata.text("general.name").orElseThrow());
      assertEquals(256, metadata.whole("hf.config.hidden_size").orElseThrow());
      assertEquals(1e-5, metadata.number("hf.config.rms_norm_eps").orElseThrow());
      assertFalse(metadata.has("hf.config.clip_qkv"));
      assertEquals(false, metadata.flag("hf.config.tie_word_embeddings").orElseThrow());
      assertEquals(
          List.of("OlmoeForCausalLM"), metadata.texts("hf.config.architectures").orElseThrow());
      assertEquals(List.of(1L, 2L), metadata.wholes("hf.config.ids").orElseThrow());
      assertTrue(metadata.has("hf.config.mixed"));
      assertEquals("a", metadata.text("hf.config.odd.1").orElseThrow());
      assertTrue(metadata.has("hf.config.odd.2"));
      assertEquals(1.2345678901234567e19, metadata.number("hf.config.big").orElseThrow());
      assertEquals("linear", metadata.text("hf.config.rope_scaling.type").orElseThrow());
      assertEquals(2, metadata.number("hf.config.rope_scaling.factor").orElseThrow());
      assertEquals(7, metadata.whole("hf.generation_config.eos_token_id").orElseThrow());
      assertEquals(9, metadata.whole("hf.tokenizer_config.model_max_length").orElseThrow());
      assertEquals("{{ x }}", metadata.text("tokenizer.chat_template").orElseThrow());
      assertFalse(metadata.has("tokenizer.ggml.tokens"));
    }
  }

  @Test
  void aDownloadCacheNamesTheRepository() throws IOException {
    Path snapshot = path.resolve("models--allenai--OLMoE-1B/snapshots/0123456789abcdef");
    Files.createDirectories(snapshot);
    new CheckpointFolder(snapshot).withModel(small("a"), 24);
    try (ModelArtifact artifact = CheckpointFolder.open(snapshot)) {
      assertEquals("OLMoE-1B", artifact.metadata().text("general.name").orElseThrow());
    }
  }
}
