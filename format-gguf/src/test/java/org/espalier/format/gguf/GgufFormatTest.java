package org.espalier.format.gguf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.format.MetadataValue.Flag;
import org.espalier.api.format.MetadataValue.Flags;
import org.espalier.api.format.MetadataValue.Nested;
import org.espalier.api.format.MetadataValue.Real;
import org.espalier.api.format.MetadataValue.RealType;
import org.espalier.api.format.MetadataValue.Reals;
import org.espalier.api.format.MetadataValue.Text;
import org.espalier.api.format.MetadataValue.Texts;
import org.espalier.api.format.MetadataValue.Whole;
import org.espalier.api.format.MetadataValue.WholeType;
import org.espalier.api.format.MetadataValue.Wholes;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType.Block;
import org.espalier.api.tensor.StorageType.Plain;
import org.espalier.api.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GgufFormatTest {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);

  @TempDir private Path folder;

  @Test
  void runsInItsNamedModuleAndIsProvided() {
    Module module = GgufFormat.class.getModule();
    assertTrue(module.isNamed());
    assertTrue(
        module.getDescriptor().provides().stream()
            .anyMatch(provides -> provides.service().equals(ModelFormat.class.getName())));
    assertEquals("gguf", new GgufFormat().id());
  }

  @Test
  void readsTheDemoModel() {
    Path path = Path.of(System.getProperty("espalier.models"), "reference/tiny-tales-qtip.gguf");
    try (ModelArtifact artifact = Samples.open(path)) {
      assertEquals("GGUF v3", artifact.format());
      assertEquals(12_605_152, artifact.size());
      assertEquals(path, artifact.path());
      assertEquals(17, artifact.metadata().entries().size());
      assertEquals("olmoe", artifact.metadata().text("general.architecture").orElseThrow());
      assertEquals(
          new Whole(WholeType.UINT32, 16), artifact.metadata().entries().get("olmoe.expert_count"));
      assertEquals(
          1e-5f,
          artifact.metadata().number("olmoe.attention.layer_norm_rms_epsilon").orElseThrow());
      List<String> tokens = artifact.metadata().texts("tokenizer.ggml.tokens").orElseThrow();
      assertEquals(4080, tokens.size());
      assertEquals("<|padding|>", tokens.get(1));
      assertEquals("<|endoftext|>", tokens.get(4079));
      assertEquals(
          "h e", artifact.metadata().texts("tokenizer.ggml.merges").orElseThrow().getFirst());

      Map<String, Tensor> tensors = artifact.tensors();
      assertEquals(107, tensors.size());
      assertEquals("token_embd.weight", tensors.keySet().iterator().next());
      Tensor embedding = tensors.get("token_embd.weight");
      assertEquals(List.of(4080L, 256L), embedding.shape());
      assertEquals(new Plain(ElementType.F32), embedding.type());
      assertEquals(4080 * 256 * 4, embedding.bytes().byteSize());
      Tensor experts = tensors.get("blk.0.ffn_gate_exps.weight");
      assertEquals(List.of(16L, 256L, 256L), experts.shape());
      assertEquals(new Block("ggml", 41, "type 41"), experts.type());
      assertEquals(16 * 256 * 68, experts.bytes().byteSize());
      Tensor signs = tensors.get("blk.0.ffn_gate_exps.sign_r.weight");
      assertEquals(List.of(16L, 256L), signs.shape());
      assertEquals(1, Math.abs(signs.bytes().getAtIndex(FLOAT, 16 * 256 - 1)));
    }
  }

  @Test
  void readsEveryTypeOfValue() {
    Path path = Samples.everything().writeTo(folder.resolve("all.gguf"));
    try (ModelArtifact artifact = Samples.open(path)) {
      var entries = artifact.metadata().entries();
      assertEquals(18, entries.size());
      assertEquals(new Whole(WholeType.UINT8, 200), entries.get("u8"));
      assertEquals(new Whole(WholeType.INT8, -100), entries.get("i8"));
      assertEquals(new Whole(WholeType.UINT16, 60_000), entries.get("u16"));
      assertEquals(new Whole(WholeType.INT16, -30_000), entries.get("i16"));
      assertEquals(new Whole(WholeType.UINT32, 4_000_000_000L), entries.get("u32"));
      assertEquals(new Whole(WholeType.INT32, -2_000_000_000), entries.get("i32"));
      assertEquals(new Real(RealType.FLOAT32, 1e-5f), entries.get("f32"));
      assertEquals(new Flag(true), entries.get("bool"));
      assertEquals(new Text("Ġtale ☃"), entries.get("text"));
      assertEquals(new Whole(WholeType.UINT64, -1), entries.get("u64"));
      assertEquals(new Whole(WholeType.INT64, Long.MIN_VALUE), entries.get("i64"));
      assertEquals(new Real(RealType.FLOAT64, 0.1), entries.get("f64"));
      assertEquals(new Texts(List.of("a", "", "ü")), entries.get("tokens"));
      assertEquals(new Wholes(WholeType.INT32, List.of(1L, -1L)), entries.get("types"));
      assertEquals(new Reals(RealType.FLOAT32, List.of(-1.5, 0.0)), entries.get("scores"));
      assertEquals(new Flags(List.of(false, true)), entries.get("flags"));
      assertEquals(
          new Nested(
              List.of(
                  new Wholes(WholeType.UINT8, List.of(1L, 255L)),
                  new Nested(List.of(new Texts(List.of("deep")))))),
          entries.get("nested"));

      assertEquals(List.of("plain", "known", "unknown"), List.copyOf(artifact.tensors().keySet()));
      assertEquals(List.of(2L, 3L), artifact.tensors().get("plain").shape());
      assertEquals(24, artifact.tensors().get("plain").bytes().byteSize());
      assertEquals(new Block("ggml", 8, "Q8_0"), artifact.tensors().get("known").type());
      assertEquals(68, artifact.tensors().get("known").bytes().byteSize());
      assertEquals(100, artifact.tensors().get("unknown").bytes().byteSize());
    }
  }

  @Test
  void anUnknownTypeGoesUpToTheNextTensorInWhateverOrderTheyAreListed() {
    Path path =
        GgufBytes.header(2, 2, 0)
            .tensor("second", 41, 96, 16)
            .tensor("first", 77, 0, 16)
            .align(32)
            .zeros(100)
            .writeTo(folder.resolve("order.gguf"));
    try (ModelArtifact artifact = Samples.open(path)) {
      assertEquals("GGUF v2", artifact.format());
      assertEquals(List.of("second", "first"), List.copyOf(artifact.tensors().keySet()));
      assertEquals(96, artifact.tensors().get("first").bytes().byteSize());
      assertEquals("type 77", artifact.tensors().get("first").type().toString());
      assertEquals(4, artifact.tensors().get("second").bytes().byteSize());
    }
  }

  @Test
  void readsAFileOfMetadataOnly() {
    Path path =
        GgufBytes.header(3, 0, 1).key("k", 7).int8(0).writeTo(folder.resolve("vocabulary.gguf"));
    try (ModelArtifact artifact = Samples.open(path)) {
      assertEquals(false, artifact.metadata().flag("k").orElseThrow());
      assertTrue(artifact.tensors().isEmpty());
    }
  }

  @Test
  void aTensorWithoutDimensionsHasOneElement() {
    Path path =
        GgufBytes.header(3, 1, 0)
            .tensor("scalar", 0, 0)
            .align(32)
            .float32(2.5f)
            .writeTo(folder.resolve("scalar.gguf"));
    try (ModelArtifact artifact = Samples.open(path)) {
      Tensor scalar = artifact.tensors().get("scalar");
      assertEquals(1, scalar.elements());
      assertEquals(2.5f, scalar.bytes().get(FLOAT, 0));
    }
  }

  @Test
  void brokenUtf8InAValueBecomesAReplacementCharacter() {
    Path path =
        GgufBytes.header(3, 0, 1)
            .key("k", 8)
            .int64(3)
            .raw((byte) 'a', (byte) 0xC3, (byte) 'b')
            .writeTo(folder.resolve("utf8.gguf"));
    try (ModelArtifact artifact = Samples.open(path)) {
      assertEquals("a\uFFFDb", artifact.metadata().text("k").orElseThrow());
    }
  }

  @Test
  void closingTakesTheBytesAwayAndMayBeRepeated() {
    ModelArtifact artifact = Samples.open(Samples.everything().writeTo(folder.resolve("x.gguf")));
    MemorySegment bytes = artifact.tensors().get("plain").bytes();
    assertEquals(0, bytes.get(FLOAT, 0));
    artifact.close();
    artifact.close();
    assertThrows(IllegalStateException.class, () -> bytes.get(FLOAT, 0));
  }

  @Test
  void readsTensorsBeyondTwoGibibytes() throws IOException {
    Path path =
        GgufBytes.header(3, 2, 0)
            .tensor("big", 24, 0, 1L << 20, 3 << 10)
            .tensor("last", 0, 3L << 30, 2)
            .align(32)
            .writeTo(folder.resolve("sparse.gguf"));
    long start = Files.size(path);
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.setLength(start + (3L << 30));
      file.seek(start + (3L << 30) - 1);
      file.write(7);
      file.writeInt(Integer.reverseBytes(Float.floatToIntBits(1.5f)));
      file.writeInt(Integer.reverseBytes(Float.floatToIntBits(-2.5f)));
    }
    try (ModelArtifact artifact = Samples.open(path)) {
      MemorySegment big = artifact.tensors().get("big").bytes();
      assertEquals(3L << 30, big.byteSize());
      assertEquals(7, big.get(ValueLayout.JAVA_BYTE, (3L << 30) - 1));
      assertEquals(-2.5f, artifact.tensors().get("last").bytes().getAtIndex(FLOAT, 1));
    } finally {
      Files.delete(path);
    }
  }

  @Test
  void declinesWhatIsNoGguf() throws IOException {
    Path empty = Files.createFile(folder.resolve("empty.gguf"));
    assertEquals("'%s' is empty".formatted(empty), Samples.declined(empty));
    for (String content : List.of("G", "GGU", "GGML and more", "{\"a\":1}")) {
      Path other = Files.writeString(folder.resolve("other"), content);
      assertTrue(Samples.declined(other).endsWith("its first bytes are not 'GGUF'"));
    }
    assertTrue(Samples.declined(folder).endsWith("is a folder, not a GGUF file"));
  }

  @Test
  void aMissingFileIsTheCallersMistake() {
    Path missing = folder.resolve("none.gguf");
    InvalidRequest e = assertThrows(InvalidRequest.class, () -> new GgufFormat().open(missing));
    assertEquals("there is no file '%s': check the path".formatted(missing), e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 4, 0x01000000, 0x02000000, 0x03000000, -1})
  void otherVersionsAreUnsupported(int version) {
    Path path = GgufBytes.header(version, 0, 0).writeTo(folder.resolve("v.gguf"));
    Unsupported e = assertThrows(Unsupported.class, () -> new GgufFormat().open(path));
    assertTrue(e.getMessage().contains(version >= 0x01000000 ? "big-endian" : "GGUF version"));
  }

  @Test
  void partsOfASplitFileAreRefusedByName() {
    GgufBytes whole = GgufBytes.header(3, 0, 0);
    Path part = whole.writeTo(folder.resolve("model-00002-of-00003.gguf"));
    Unsupported e = assertThrows(Unsupported.class, () -> new GgufFormat().open(part));
    assertTrue(e.getMessage().contains("one of 3 parts"));
    assertTrue(e.getMessage().contains("--merge"));
    Samples.open(whole.writeTo(folder.resolve("model-00001-of-00001.gguf"))).close();
  }

  @Test
  void partsOfASplitFileAreRefusedByTheirMetadata() {
    Path part =
        GgufBytes.header(3, 0, 1)
            .key("split.count", 2)
            .int16(2)
            .writeTo(folder.resolve("renamed.gguf"));
    assertThrows(Unsupported.class, () -> new GgufFormat().open(part));
    Path single =
        GgufBytes.header(3, 0, 1)
            .key("split.count", 2)
            .int16(1)
            .writeTo(folder.resolve("single.gguf"));
    Samples.open(single).close();
  }
}
