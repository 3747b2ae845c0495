package org.espalier.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.espalier.api.EspalierException;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.Offer;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.MetadataValue.RealType;
import org.espalier.api.format.MetadataValue.WholeType;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.format.ModelWriter;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.FileMap;
import org.espalier.api.tensor.Tensor;
import org.espalier.testkit.fixture.RandomTensors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What every format must hold to: it reads what it writes, knows a foreign file from a broken one,
 * and meets any bytes at all with at worst a sentence.
 */
public abstract class FormatContract {
  /** Where tests write. */
  @TempDir protected Path folder;

  /** For authors to extend. */
  protected FormatContract() {}

  /** The format under test. */
  protected abstract ModelFormat format();

  /** Metadata that the format can hold: a value of every type, unless overridden. */
  protected Metadata metadata() {
    Map<String, MetadataValue> entries = new LinkedHashMap<>();
    entries.put("general.architecture", new MetadataValue.Text("testkit"));
    entries.put("text.other", new MetadataValue.Text("naïve 🙂\n\u0000"));
    entries.put("text.empty", new MetadataValue.Text(""));
    for (WholeType type : WholeType.values()) {
      entries.put("whole." + type, new MetadataValue.Whole(type, 100));
      entries.put("wholes." + type, new MetadataValue.Wholes(type, List.of(0L, 1L, 127L)));
    }
    entries.put("whole.least", new MetadataValue.Whole(WholeType.INT64, Long.MIN_VALUE));
    entries.put("whole.greatest", new MetadataValue.Whole(WholeType.UINT32, 0xffff_ffffL));
    for (RealType type : RealType.values()) {
      entries.put("real." + type, new MetadataValue.Real(type, -0.5));
      entries.put("reals." + type, new MetadataValue.Reals(type, List.of(1.5, -2.0)));
    }
    entries.put("flag", new MetadataValue.Flag(true));
    entries.put("flags", new MetadataValue.Flags(List.of(true, false, true)));
    entries.put("texts", new MetadataValue.Texts(List.of("", "a", "ü")));
    entries.put("texts.empty", new MetadataValue.Texts(List.of()));
    return new Metadata(entries);
  }

  /** Tensors that the format can hold, with odd sizes. */
  protected List<Tensor> tensors() {
    RandomTensors random = new RandomTensors(1);
    return List.of(
        random.plain("z.weight", ElementType.F32, 3),
        random.plain("a.weight", ElementType.F16, 5, 7),
        random.plain("m.bias", ElementType.BF16, 1),
        random.plain("experts.weight", ElementType.F32, 3, 1, 5));
  }

  /**
   * Writes a small valid file, with at least one tensor. Formats that only read override this and
   * copy one.
   */
  protected void writeSample(Path target) throws IOException {
    List<Tensor> tensors = tensors();
    try (ModelWriter writer = writer(target)) {
      for (Tensor tensor : tensors) {
        declare(writer, tensor);
      }
      for (Tensor tensor : tensors) {
        // In two pieces, as a writer of large tensors would.
        long half = tensor.bytes().byteSize() / 2;
        writer.write(
            tensor.name(),
            sink -> {
              sink.append(tensor.bytes().asSlice(0, half));
              sink.append(tensor.bytes().asSlice(half));
            });
      }
      writer.finish();
    }
  }

  /** What is written is read again: keys, tensors and bytes, in order. */
  @Test
  public void readsWhatItWrites() throws IOException {
    Path file = folder.resolve("sample.model");
    assumeTrue(writes(file), "this format only reads");
    writeSample(file);
    assertEquals(List.of(file), filesIn(folder), "what is left in the folder");
    try (ModelArtifact artifact = opened(file)) {
      assertEquals(
          List.copyOf(metadata().entries().entrySet()), ownEntries(artifact), "metadata in order");
      List<Tensor> written = tensors();
      assertEquals(
          written.stream().map(Tensor::name).toList(), List.copyOf(artifact.tensors().keySet()));
      for (Tensor tensor : written) {
        Tensor read = artifact.tensors().get(tensor.name());
        assertEquals(tensor.name(), read.name());
        assertEquals(tensor.type(), read.type(), tensor.name());
        assertEquals(tensor.shape(), read.shape(), tensor.name());
        assertEquals(-1, tensor.bytes().mismatch(read.bytes()), tensor.name());
        assertFound(artifact, read);
      }
    }
  }

  /** Where a format says that a tensor lies in a file, there it lies. */
  private static void assertFound(ModelArtifact artifact, Tensor tensor) throws IOException {
    Optional<FileMap.Extent> extent = artifact.find(tensor.bytes());
    if (extent.isPresent()) {
      byte[] file = Files.readAllBytes(extent.get().file());
      int from = Math.toIntExact(extent.get().offset());
      int to = from + Math.toIntExact(extent.get().length());
      assertArrayEquals(
          tensor.bytes().toArray(ValueLayout.JAVA_BYTE),
          Arrays.copyOfRange(file, from, to),
          tensor.name());
      assertEquals(
          from + 1, artifact.find(tensor.bytes().asSlice(1)).orElseThrow().offset(), "a part");
      assertTrue(artifact.find(Arena.ofAuto().allocate(8)).isEmpty(), "bytes of somebody else");
    }
  }

  /** The metadata that were asked for, without what the format adds for itself. */
  private List<Map.Entry<String, MetadataValue>> ownEntries(ModelArtifact artifact) {
    return artifact.metadata().entries().entrySet().stream()
        .filter(entry -> metadata().has(entry.getKey()))
        .toList();
  }

  /** A writer that is closed before it finished leaves the folder as it was. */
  @Test
  public void leavesNothingUnfinished() throws IOException {
    Path file = folder.resolve("sample.model");
    assumeTrue(writes(file), "this format only reads");
    byte[] before = {1, 2, 3};
    Files.write(file, before);
    Tensor tensor = tensors().getFirst();
    try (ModelWriter writer = writer(file)) {
      declare(writer, tensor);
      writer.write(tensor.name(), sink -> sink.append(tensor.bytes()));
    }
    assertArrayEquals(before, Files.readAllBytes(file), "the file that was there");
    assertEquals(List.of(file), filesIn(folder), "what is left in the folder");
  }

  /** An artifact says where it is from, and its bytes go when it is closed. */
  @Test
  public void closesItsBytes() throws IOException {
    Path file = sample();
    ModelArtifact artifact = opened(file);
    Tensor tensor = artifact.tensors().values().iterator().next();
    try (artifact) {
      assertEquals(file, artifact.path());
      assertEquals(Files.size(file), artifact.size());
      assertFalse(artifact.format().isBlank());
      contents(artifact);
    }
    assertThrows(IllegalStateException.class, () -> tensor.bytes().get(ValueLayout.JAVA_BYTE, 0));
  }

  /** Files of other kinds it declines in words; a file that is not there is a failure. */
  @Test
  public void declinesForeignFiles() throws IOException {
    byte[] noise = new byte[300];
    new Random(1).nextBytes(noise);
    assertDeclined(noise);
    assertDeclined(new byte[300]);
    assertDeclined("Once upon a time there was a file of text.\n".getBytes(StandardCharsets.UTF_8));
    assertDeclined("PK\3\4 and so on".getBytes(StandardCharsets.ISO_8859_1));
    assertThrows(EspalierException.class, () -> format().open(folder.resolve("nowhere.model")));
    assertRefused(folder, "a folder");
    assertRefused(written(new byte[0]), "an empty file");
  }

  /**
   * A file that was cut off is malformed, unless so little is left that it might be anything, or so
   * much that nothing is missing.
   */
  @Test
  public void refusesTruncatedFiles() throws IOException {
    Path file = sample();
    byte[] whole = Files.readAllBytes(file);
    Map<String, List<Byte>> expected;
    try (ModelArtifact artifact = opened(file)) {
      expected = contents(artifact);
    }
    for (int left = 1; left < whole.length; left += Math.max(1, whole.length / 997)) {
      Path cut = written(Arrays.copyOf(whole, left));
      try {
        if (format().open(cut) instanceof Offer.Accepted<ModelArtifact>(ModelArtifact artifact)) {
          try (artifact) {
            assertEquals(expected, contents(artifact), "tensors in " + left + " bytes");
          }
        }
      } catch (EspalierException refusal) {
        assertFalse(refusal.getMessage().isBlank(), "a refusal needs words");
      }
    }
    Path half = written(Arrays.copyOf(whole, whole.length / 2));
    assertThrows(MalformedModel.class, () -> format().open(half), "half of the file");
  }

  /** Whatever byte is wrong, the file opens or is refused in words. */
  @Test
  public void survivesDamage() throws IOException {
    byte[] whole = Files.readAllBytes(sample());
    for (int at = 0; at < Math.min(whole.length, 4096); at++) {
      for (int mask : new int[] {0x01, 0xff}) {
        byte[] damaged = whole.clone();
        damaged[at] ^= (byte) mask;
        try {
          if (format().open(written(damaged))
              instanceof Offer.Accepted<ModelArtifact>(ModelArtifact artifact)) {
            try (artifact) {
              contents(artifact);
            }
          }
        } catch (EspalierException refusal) {
          assertFalse(refusal.getMessage().isBlank(), "a refusal needs words");
        }
      }
    }
  }

  private Path sample() throws IOException {
    Path file = folder.resolve("sample.model");
    writeSample(file);
    return file;
  }

  private boolean writes(Path file) {
    return switch (format().create(file, metadata())) {
      case Offer.Accepted<ModelWriter>(ModelWriter writer) -> {
        writer.close();
        yield true;
      }
      case Offer.Declined<ModelWriter>(String reason) -> {
        assertFalse(reason.isBlank(), "a refusal needs words");
        yield false;
      }
    };
  }

  private ModelWriter writer(Path target) {
    return format().create(target, metadata()).orElseThrow(EspalierException.Unsupported::new);
  }

  private static void declare(ModelWriter writer, Tensor tensor) {
    writer.declare(tensor.name(), tensor.type(), tensor.shape(), tensor.bytes().byteSize());
  }

  private ModelArtifact opened(Path file) {
    return switch (format().open(file)) {
      case Offer.Accepted<ModelArtifact>(ModelArtifact artifact) -> artifact;
      case Offer.Declined<ModelArtifact>(String reason) ->
          throw new AssertionError("declined its own file: " + reason);
    };
  }

  private void assertDeclined(byte[] bytes) throws IOException {
    switch (format().open(written(bytes))) {
      case Offer.Accepted<ModelArtifact>(ModelArtifact artifact) -> {
        artifact.close();
        throw new AssertionError("opened a foreign file of " + bytes.length + " bytes");
      }
      case Offer.Declined<ModelArtifact>(String reason) ->
          assertFalse(reason.isBlank(), "a refusal needs words");
    }
  }

  /** Declined, or an exception of ours. */
  private void assertRefused(Path file, String what) {
    try {
      if (format().open(file) instanceof Offer.Accepted<ModelArtifact>(ModelArtifact artifact)) {
        artifact.close();
        throw new AssertionError("opened " + what);
      }
    } catch (EspalierException refusal) {
      assertFalse(refusal.getMessage().isBlank(), "a refusal needs words");
    }
  }

  /** Every byte of every tensor. */
  private static Map<String, List<Byte>> contents(ModelArtifact artifact) {
    Map<String, List<Byte>> contents = new LinkedHashMap<>();
    for (Tensor tensor : artifact.tensors().values()) {
      assertTrue(tensor.elements() > 0, () -> "elements of " + tensor.name());
      List<Byte> bytes = new ArrayList<>();
      for (byte value : tensor.bytes().toArray(ValueLayout.JAVA_BYTE)) {
        bytes.add(value);
      }
      contents.put(tensor.name(), bytes);
    }
    return contents;
  }

  private Path written(byte[] bytes) throws IOException {
    return Files.write(folder.resolve("trial.model"), bytes);
  }

  private static List<Path> filesIn(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }
}
