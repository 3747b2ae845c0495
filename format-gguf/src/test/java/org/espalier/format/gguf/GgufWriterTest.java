package org.espalier.format.gguf;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import java.util.stream.Stream;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
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
import org.espalier.api.format.ModelWriter;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.StorageType.Block;
import org.espalier.api.tensor.StorageType.Plain;
import org.espalier.api.tensor.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class GgufWriterTest {
  private static final StorageType F32 = new Plain(ElementType.F32);
  private static final byte[] EIGHT_BYTES = {1, 2, 3, 4, 5, 6, 7, 8};

  @TempDir private Path folder;
  private Path path;

  @BeforeEach
  void name() {
    path = folder.resolve("out.gguf");
  }

  private ModelWriter create(Metadata metadata) {
    return new GgufFormat().create(path, metadata).orElseThrow(Unsupported::new);
  }

  private static ModelWriter.Content content(byte[] bytes) {
    return sink -> sink.append(MemorySegment.ofArray(bytes));
  }

  private List<String> filesInFolder() {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static Metadata one(MetadataValue value) {
    return new Metadata(Map.of("k", value));
  }

  static Stream<MetadataValue> values() {
    Stream<MetadataValue> singles =
        Stream.of(
            new Text(""),
            new Text("Ġ😀\u0000\n"),
            new Flag(true),
            new Flag(false),
            new Real(RealType.FLOAT32, 1e-5f),
            new Real(RealType.FLOAT32, Float.NEGATIVE_INFINITY),
            new Real(RealType.FLOAT64, Math.PI),
            new Real(RealType.FLOAT64, Double.NaN),
            new Texts(List.of()),
            new Texts(List.of("", "a", "ü".repeat(1000))),
            new Reals(RealType.FLOAT32, List.of(0.5, -0.0)),
            new Reals(RealType.FLOAT64, List.of(0.1)),
            new Reals(RealType.FLOAT64, List.of()),
            new Flags(List.of(true, false, true)),
            new Flags(List.of()),
            new Nested(List.of()),
            new Nested(
                List.of(
                    new Texts(List.of("x")),
                    new Wholes(WholeType.INT8, List.of()),
                    new Nested(List.of(new Flags(List.of(false)))))));
    Stream<MetadataValue> wholes =
        Stream.of(WholeType.values())
            .flatMap(type -> {
              List<Long> edges = edges(type);
              return Stream.concat(
                  Stream.of(new Wholes(type, edges), new Wholes(type, List.of())),
                  edges.stream().map(edge -> new Whole(type, edge)));
            });
    return Stream.concat(singles, wholes);
  }

  private static List<Long> edges(WholeType type) {
    return switch (type) {
      case UINT8 -> List.of(0L, 255L);
      case INT8 -> List.of(-128L, 127L);
      case UINT16 -> List.of(0L, 65_535L);
      case INT16 -> List.of(-32_768L, 32_767L);
      case UINT32 -> List.of(0L, 4_294_967_295L);
      case INT32 -> List.of((long) Integer.MIN_VALUE, (long) Integer.MAX_VALUE);
      case UINT64 -> List.of(0L, -1L);
      case INT64 -> List.of(Long.MIN_VALUE, Long.MAX_VALUE);
    };
  }

  @ParameterizedTest
  @MethodSource("values")
  void everyValueComesBackWithItsType(MetadataValue value) {
    try (ModelWriter writer = create(one(value))) {
      writer.finish();
    }
    try (ModelArtifact artifact = Samples.open(path)) {
      assertEquals(value, artifact.metadata().entries().get("k"));
    }
  }

  @Test
  void writesWhatTheFormatPrescribesByteForByte() throws IOException {
    Map<String, MetadataValue> entries = new LinkedHashMap<>();
    entries.put("general.alignment", new Whole(WholeType.UINT32, 64));
    entries.put("tokens", new Texts(List.of("a", "ü")));
    try (ModelWriter writer = create(new Metadata(entries))) {
      writer.declare("t", F32, List.of(2L, 1L), 8);
      writer.declare("u", new Block("ggml", 41, "type 41"), List.of(1L, 3L), 5);
      writer.write("t", content(EIGHT_BYTES));
      writer.write("u", content(new byte[] {9, 9, 9, 9, 9}));
      writer.finish();
    }
    byte[] expected =
        GgufBytes.header(3, 2, 2)
            .key("general.alignment", 4)
            .int32(64)
            .key("tokens", 9)
            .int32(8)
            .int64(2)
            .text("a")
            .text("ü")
            .tensor("t", 0, 0, 1, 2)
            .tensor("u", 41, 64, 3, 1)
            .align(64)
            .raw(EIGHT_BYTES)
            .align(64)
            .raw(new byte[] {9, 9, 9, 9, 9})
            .align(64)
            .toByteArray();
    assertArrayEquals(expected, Files.readAllBytes(path));
  }

  @ParameterizedTest
  @CsvSource({"8,1", "32,1", "32,7", "64,33", "64,4097", "4096,3", "32,1100000"})
  void tensorsOfOddSizesComeBack(int alignment, int elements) {
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(elements);
    byte[] f16 = new byte[2 * elements];
    byte[] q8 = new byte[34 * elements];
    float[] f32 = new float[3 * elements];
    random.nextBytes(f16);
    random.nextBytes(q8);
    for (int i = 0; i < f32.length; i++) {
      f32[i] = random.nextFloat();
    }
    long n = elements;
    try (ModelWriter writer =
        create(new Metadata(Map.of("general.alignment", new Whole(WholeType.UINT32, alignment))))) {
      writer.declare("f16", new Plain(ElementType.F16), List.of(n), 2 * n);
      writer.declare("bf16", new Plain(ElementType.BF16), List.of(1L, n), 2 * n);
      writer.declare("q8", new Block("ggml", 8, "Q8_0"), List.of(n, 32L), 34 * n);
      writer.declare("f32", F32, List.of(3L, n, 1L), 12 * n);
      writer.write("f16", content(f16));
      writer.write("bf16", inPieces(f16, random));
      writer.write("q8", inPieces(q8, random));
      // A heap segment of floats has no byte buffer.
      writer.write("f32", sink -> sink.append(MemorySegment.ofArray(f32)));
      writer.finish();
    }
    try (ModelArtifact artifact = Samples.open(path)) {
      Map<String, Tensor> tensors = artifact.tensors();
      assertEquals(List.of("f16", "bf16", "q8", "f32"), List.copyOf(tensors.keySet()));
      assertArrayEquals(f16, bytes(tensors.get("f16")));
      assertArrayEquals(f16, bytes(tensors.get("bf16")));
      assertArrayEquals(q8, bytes(tensors.get("q8")));
      assertArrayEquals(f32, tensors.get("f32").bytes().toArray(ValueLayout.JAVA_FLOAT));
      assertEquals(List.of(3L, n, 1L), tensors.get("f32").shape());
      assertEquals(new Plain(ElementType.BF16), tensors.get("bf16").type());
    }
  }

  private static byte[] bytes(Tensor tensor) {
    return tensor.bytes().toArray(ValueLayout.JAVA_BYTE);
  }

  private static ModelWriter.Content inPieces(byte[] bytes, RandomGenerator random) {
    return sink -> {
      for (int done = 0; done < bytes.length; ) {
        int length = random.nextInt(Math.min(bytes.length - done, 1 + bytes.length / 3) + 1);
        sink.append(MemorySegment.ofArray(bytes).asSlice(done, length));
        done += length;
      }
    };
  }

  @Test
  void theDemoModelCopiedIsTheSameFile() throws IOException {
    Path model = Path.of(System.getProperty("espalier.models"), "tiny-tales-qtip.gguf");
    try (ModelArtifact source = Samples.open(model);
        ModelWriter writer = create(source.metadata())) {
      for (Tensor tensor : source.tensors().values()) {
        writer.declare(tensor.name(), tensor.type(), tensor.shape(), tensor.bytes().byteSize());
      }
      for (Tensor tensor : source.tensors().values()) {
        writer.write(tensor.name(), sink -> sink.append(tensor.bytes()));
      }
      writer.finish();
    }
    assertEquals(-1, Files.mismatch(model, path));
  }

  @Test
  void whatWasThereStaysUntilTheFileIsFinished() throws IOException {
    Files.writeString(path, "old");
    try (ModelWriter writer = create(Metadata.empty())) {
      writer.declare("t", F32, List.of(2L), 8);
      writer.write("t", content(EIGHT_BYTES));
      assertEquals("old", Files.readString(path));
      assertEquals(2, filesInFolder().size());
    }
    assertEquals("old", Files.readString(path));
    assertEquals(List.of("out.gguf"), filesInFolder());
    try (ModelWriter writer = create(Metadata.empty())) {
      writer.finish();
    }
    assertEquals(List.of("out.gguf"), filesInFolder());
    Samples.open(path).close();
  }

  @Test
  void twoWritersOfOnePlaceDoNotMeet() {
    ModelWriter first = create(Metadata.empty());
    ModelWriter second = create(one(new Flag(true)));
    first.close();
    ModelWriter third = create(Metadata.empty());
    first.close();
    third.finish();
    second.finish();
    try (ModelArtifact artifact = Samples.open(path)) {
      assertTrue(artifact.metadata().flag("k").orElseThrow());
    }
    assertEquals(List.of("out.gguf"), filesInFolder());
  }

  @Test
  void aLinkStaysALink() throws IOException {
    Path real = Files.createFile(folder.resolve("real.gguf"));
    Files.createSymbolicLink(path, real);
    try (ModelWriter writer = create(Metadata.empty())) {
      writer.finish();
    }
    assertTrue(Files.isSymbolicLink(path));
    Samples.open(real).close();
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 7, 9, 16})
  void contentOfAnotherSizeIsRefusedAndLeavesNothing(long size) {
    try (ModelWriter writer = create(Metadata.empty())) {
      writer.declare("t", F32, List.of(2L), 8);
      InvalidRequest e =
          assertThrows(
              InvalidRequest.class, () -> writer.write("t", content(new byte[(int) size])));
      assertTrue(e.getMessage().startsWith("tensor 't' was handed over with"), e.getMessage());
      assertEquals(List.of(), filesInFolder());
      assertThrows(IllegalStateException.class, () -> writer.write("t", content(EIGHT_BYTES)));
    }
    assertEquals(List.of(), filesInFolder());
  }

  @Test
  void contentThatFailsLeavesNothing() {
    try (ModelWriter writer = create(Metadata.empty())) {
      writer.declare("t", F32, List.of(2L), 8);
      DeviceFailure e =
          assertThrows(
              DeviceFailure.class,
              () ->
                  writer.write(
                      "t",
                      sink -> {
                        throw new IOException("No space left on device");
                      }));
      assertTrue(e.getMessage().startsWith("'%s' cannot be written: No space".formatted(path)));
      assertEquals(List.of(), filesInFolder());
      assertThrows(IllegalStateException.class, writer::finish);
    }
  }

  @Test
  void anInterruptLeavesNothing() {
    try (ModelWriter writer = create(Metadata.empty())) {
      writer.declare("t", F32, List.of(1L << 20), 4 << 20);
      Thread.currentThread().interrupt();
      DeviceFailure e =
          assertThrows(DeviceFailure.class, () -> writer.write("t", content(new byte[4 << 20])));
      assertTrue(Thread.interrupted());
      assertTrue(e.getMessage().contains("interrupted"), e.getMessage());
    }
    assertEquals(List.of(), filesInFolder());
  }

  @Test
  void theOrderIsKept() {
    try (ModelWriter writer = create(Metadata.empty())) {
      writer.declare("a", F32, List.of(2L), 8);
      writer.declare("b", F32, List.of(2L), 8);
      assertThrows(IllegalStateException.class, () -> writer.write("b", content(EIGHT_BYTES)));
      assertThrows(IllegalStateException.class, writer::finish);
      writer.write("a", content(EIGHT_BYTES));
      assertThrows(IllegalStateException.class, () -> writer.declare("c", F32, List.of(2L), 8));
      writer.write("b", content(EIGHT_BYTES));
      assertThrows(IllegalStateException.class, () -> writer.write("b", content(EIGHT_BYTES)));
      writer.finish();
      assertThrows(IllegalStateException.class, writer::finish);
    }
    try (ModelArtifact artifact = Samples.open(path)) {
      assertArrayEquals(EIGHT_BYTES, bytes(artifact.tensors().get("b")));
    }
  }

  @Test
  void tensorsThatCannotBeWrittenAreRefused() {
    Block q8 = new Block("ggml", 8, "Q8_0");
    Block unknown = new Block("ggml", 41, "type 41");
    try (ModelWriter writer = create(Metadata.empty())) {
      assertRefused(() -> writer.declare("t", F32, List.of(2L), 9), "has 8 bytes, not 9");
      assertRefused(() -> writer.declare("t", q8, List.of(2L, 32L), 64), "has 68 bytes, not 64");
      assertRefused(() -> writer.declare("t", q8, List.of(2L, 33L), 68), "blocks of 32");
      assertRefused(() -> writer.declare("t", unknown, List.of(2L), 0), "cannot have 0 bytes");
      assertRefused(() -> writer.declare("t", F32, List.of(2L, 0L), 0), "the shape [2, 0]");
      assertRefused(() -> writer.declare("t", F32, List.of(1L << 40, 1L << 40), 1), "the shape");
      assertRefused(
          () -> writer.declare("t", F32, List.of(1L, 1L, 1L, 1L, 1L), 4), "at most 4 dimensions");
      assertRefused(() -> writer.declare("t".repeat(1025), F32, List.of(1L), 4), "1024 bytes");
      assertRefused(() -> writer.declare("\uD800", F32, List.of(1L), 4), "surrogate");
      writer.declare("t", F32, List.of(2L), 8);
      assertRefused(() -> writer.declare("t", F32, List.of(2L), 8), "declared twice");
      assertThrows(
          Unsupported.class,
          () -> writer.declare("u", new Block("exl3", 1, "3 bits"), List.of(2L), 8));
      writer.write("t", content(EIGHT_BYTES));
      writer.finish();
    }
    try (ModelArtifact artifact = Samples.open(path)) {
      assertEquals(List.of("t"), List.copyOf(artifact.tensors().keySet()));
    }
  }

  @Test
  void metadataThatCannotBeWrittenAreRefused() {
    for (WholeType type : List.of(WholeType.UINT8, WholeType.INT16, WholeType.UINT32)) {
      long tooLarge = edges(type).getLast() + 1;
      assertRefused(() -> create(one(new Whole(type, tooLarge))), "does not fit its type");
      long tooSmall = edges(type).getFirst() - 1;
      assertRefused(
          () -> create(one(new Wholes(type, List.of(tooSmall)))), "does not fit its type");
    }
    assertRefused(() -> create(one(new Text("\uDC00"))), "surrogate");
    assertRefused(
        () -> create(one(new Nested(List.of(new Flag(true))))), "mixes arrays with single values");
    MetadataValue deep = new Flags(List.of());
    for (int i = 0; i < MetadataReader.MAX_DEPTH; i++) {
      deep = new Nested(List.of(deep));
    }
    MetadataValue tooDeep = deep;
    assertRefused(() -> create(one(tooDeep)), "more than 8 deep");
    assertRefused(
        () -> create(new Metadata(Map.of("k".repeat(65_536), new Flag(true)))), "65535 allowed");
    for (long alignment : List.of(0L, 4L, 24L, 1L << 30)) {
      assertRefused(
          () ->
              create(
                  new Metadata(
                      Map.of("general.alignment", new Whole(WholeType.UINT32, alignment)))),
          "must be a power of two");
    }
    assertEquals(List.of(), filesInFolder());
  }

  @Test
  void placesThatAreNoneAreRefused() {
    path = folder.resolve("none").resolve("out.gguf");
    assertRefused(() -> create(Metadata.empty()), "there is no folder");
    path = folder;
    assertRefused(() -> create(Metadata.empty()), "something that is not a file");
  }

  private static void assertRefused(Runnable work, String part) {
    InvalidRequest e = assertThrows(InvalidRequest.class, work::run);
    assertTrue(e.getMessage().contains(part), e.getMessage());
  }
}
