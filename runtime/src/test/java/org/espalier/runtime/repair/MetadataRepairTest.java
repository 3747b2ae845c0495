package org.espalier.runtime.repair;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.format.ModelWriter;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;
import org.espalier.runtime.loading.MemoryArtifact;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetadataRepairTest {
  @TempDir private Path folder;
  private Path source = Path.of("");
  private Path target = Path.of("");

  private final MemoryArtifact original =
      new MemoryArtifact()
          .text("general.architecture", "any")
          .texts("tokenizer.ggml.tokens", List.of("a", "b", "ab", "<|endoftext|>"))
          .texts("tokenizer.ggml.merges", List.of("a b"))
          .tensor("plain", MemoryArtifact.PLAIN, 40, 10L)
          .tensor("block", MemoryArtifact.BLOCK, 68, 16L, 16L);
  private final Disk disk = new Disk();
  private final List<Long> progress = new ArrayList<>();

  @BeforeEach
  void fill() throws IOException {
    source = Files.writeString(folder.resolve("source"), "");
    target = folder.resolve("target");
    original
        .tensors()
        .values()
        .forEach(tensor -> {
          for (int i = 0; i < tensor.bytes().byteSize(); i++) {
            tensor.bytes().set(ValueLayout.JAVA_BYTE, i, (byte) (31 * i + tensor.name().length()));
          }
        });
  }

  /** A format whose files are in memory; the file of their name says only that they are there. */
  private final class Disk implements ModelFormat {
    final Map<Path, Written> files = new LinkedHashMap<>();
    boolean losesBytes;
    boolean losesKeys;
    boolean readsOnly;
    boolean padsTheLast;

    private record Written(Metadata metadata, Map<String, Tensor> tensors) {}

    @Override
    public String id() {
      return "disk";
    }

    @Override
    public Offer<ModelArtifact> open(Path path) {
      if (path.equals(source)) {
        return Offer.accepted(original);
      }
      Written written = files.get(path);
      return written == null
          ? Offer.declined("not mine")
          : Offer.accepted(new Stored(path, written));
    }

    @Override
    public Offer<ModelWriter> create(Path path, Metadata metadata) {
      return readsOnly
          ? ModelFormat.super.create(path, metadata)
          : Offer.accepted(new Writer(path, metadata));
    }

    private record Stored(Path path, Written written) implements ModelArtifact {
      @Override
      public long size() {
        return 0;
      }

      @Override
      public String format() {
        return "disk";
      }

      @Override
      public Metadata metadata() {
        return written.metadata;
      }

      @Override
      public Map<String, Tensor> tensors() {
        return written.tensors;
      }

      @Override
      public void close() {}
    }

    private final class Writer implements ModelWriter {
      private final Path path;
      private final Metadata metadata;
      private final Map<String, Tensor> tensors = new LinkedHashMap<>();

      Writer(Path path, Metadata metadata) {
        this.path = path;
        this.metadata = metadata;
      }

      @Override
      public void declare(String name, StorageType type, List<Long> shape, long byteSize) {
        long padding = padsTheLast && name.equals("block") ? 28 : 0;
        MemorySegment bytes = MemorySegment.ofArray(new byte[(int) (byteSize + padding)]);
        tensors.put(name, new Tensor(name, type, shape, bytes));
      }

      @Override
      public void write(String name, Content content) {
        long[] at = {0};
        try {
          content.writeTo(piece -> {
            MemorySegment.copy(piece, 0, tensors.get(name).bytes(), at[0], piece.byteSize());
            at[0] += piece.byteSize();
          });
        } catch (IOException e) {
          throw new DeviceFailure("cannot write", e);
        }
        if (losesBytes) {
          tensors.get(name).bytes().set(ValueLayout.JAVA_BYTE, 7, (byte) 0);
        }
      }

      @Override
      public void finish() {
        try {
          Files.writeString(path, "written");
        } catch (IOException e) {
          throw new DeviceFailure("cannot write", e);
        }
        files.put(path, new Written(losesKeys ? Metadata.empty() : metadata, tensors));
      }

      @Override
      public void close() {}
    }
  }

  private Map<String, ?> repair() {
    return new MetadataRepair(List.of(disk), _ -> {}, progress::add).write(source, target);
  }

  private void assertNothingWritten() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(List.of(source), files.toList());
    }
  }

  @Test
  void metadataAreAddedAndTensorsKept() throws IOException {
    disk.padsTheLast = true;
    Map<String, ?> added = repair();
    assertTrue(added.containsKey("tokenizer.ggml.token_type"), added.toString());
    assertEquals("written", Files.readString(target));
    Disk.Written written = disk.files.values().iterator().next();
    assertEquals(
        List.of("plain", "block"), written.tensors.values().stream().map(Tensor::name).toList());
    assertEquals(
        -1, written.tensors.get("plain").bytes().mismatch(original.tensors().get("plain").bytes()));
    assertEquals(
        List.of("general.architecture", "tokenizer.ggml.tokens", "tokenizer.ggml.merges"),
        List.copyOf(written.metadata.entries().keySet()).subList(0, 3));
    assertEquals(List.of(40L, 108L), progress);
    assertEquals(1, original.closed);
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(2, files.count(), "something unfinished was left");
    }
  }

  @Test
  void aCopyThatDiffersIsRemoved() throws IOException {
    disk.losesBytes = true;
    assertTrue(
        assertThrows(DeviceFailure.class, this::repair).getMessage().contains("tensor 'plain'"));
    assertNothingWritten();
    disk.losesBytes = false;
    disk.losesKeys = true;
    assertTrue(assertThrows(DeviceFailure.class, this::repair).getMessage().contains("metadata"));
    assertNothingWritten();
  }

  @Test
  void formatsThatOnlyReadAreRefused() throws IOException {
    disk.readsOnly = true;
    assertTrue(assertThrows(Unsupported.class, this::repair).getMessage().contains("only reads"));
    assertNothingWritten();
  }

  @Test
  void aFileIsNotRepairedInPlace() throws IOException {
    target = Files.createSymbolicLink(folder.resolve("link"), source);
    assertThrows(InvalidRequest.class, this::repair);
    assertFalse(Files.readString(source).equals("written"));
  }

  @Test
  void whatStoodThereStaysUntilTheEnd() throws IOException {
    Files.writeString(target, "old");
    MetadataRepair stopped =
        new MetadataRepair(
            List.of(disk),
            _ -> {},
            _ -> {
              throw new IllegalStateException("stop");
            });
    assertThrows(IllegalStateException.class, () -> stopped.write(source, target));
    assertEquals("old", Files.readString(target));
    repair();
    assertEquals("written", Files.readString(target));
  }
}
