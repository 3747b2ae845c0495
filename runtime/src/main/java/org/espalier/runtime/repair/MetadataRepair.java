package org.espalier.runtime.repair;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.format.ModelWriter;
import org.espalier.api.tensor.Tensor;
import org.espalier.runtime.loading.Formats;
import org.espalier.runtime.tokenizer.TokenizerRepair;

/**
 * Copies a model file and adds the tokenizer metadata that it lacks. Tensors keep their bytes and
 * their order. The copy is read back and compared before it gets its name.
 */
public final class MetadataRepair {
  /** So much is handed over at once; small enough that an interruption is noticed soon. */
  private static final long PIECE = 16 << 20;

  private final List<ModelFormat> formats;
  private final Consumer<String> notices;
  private final LongConsumer progress;

  /**
   * A repair.
   *
   * @param formats that can be read; the one of the file must also write
   * @param notices receives one sentence for every piece of metadata that was missing
   * @param progress receives bytes of tensors written so far; what it throws stops the repair
   */
  public MetadataRepair(
      List<ModelFormat> formats, Consumer<String> notices, LongConsumer progress) {
    this.formats = List.copyOf(formats);
    this.notices = notices;
    this.progress = progress;
  }

  /**
   * Writes the repaired copy. When it fails, what stood at {@code target} before is left.
   *
   * @return the entries that were added or replaced, by key; empty for a plain copy
   * @throws InvalidRequest when both paths are the same file
   * @throws Unsupported when the format only reads, or there is no tokenizer to repair
   * @throws DeviceFailure when writing fails, or the copy differs from what was written
   */
  public Map<String, MetadataValue> write(Path source, Path target) {
    requireTwoFiles(source, target);
    Formats.Opened opened = Formats.find(source, formats);
    try (ModelArtifact artifact = opened.artifact()) {
      Map<String, MetadataValue> missing = TokenizerRepair.missing(artifact.metadata(), notices);
      Metadata metadata = artifact.metadata().with(missing);
      Path unchecked =
          target.resolveSibling(
              "%s.%d.unchecked".formatted(target.getFileName(), ProcessHandle.current().pid()));
      try {
        copy(artifact, metadata, opened.format(), unchecked);
        compare(artifact, metadata, opened.format(), unchecked);
        Files.move(
            unchecked, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      } catch (IOException e) {
        throw new DeviceFailure("%s cannot be written: %s".formatted(target, e), e);
      } finally {
        discard(unchecked);
      }
      return missing;
    }
  }

  private static void requireTwoFiles(Path source, Path target) {
    try {
      if (Files.exists(target) && Files.exists(source) && Files.isSameFile(source, target)) {
        throw new InvalidRequest(
            "%s and %s are the same file: write the repaired one beside it"
                .formatted(source, target));
      }
    } catch (IOException e) {
      throw new DeviceFailure("%s cannot be looked at: %s".formatted(target, e), e);
    }
  }

  private void copy(ModelArtifact artifact, Metadata metadata, ModelFormat format, Path target) {
    try (ModelWriter writer =
        format
            .create(target, metadata)
            .orElseThrow(
                reason -> new Unsupported("%s cannot be written: %s".formatted(target, reason)))) {
      for (Tensor tensor : artifact.tensors().values()) {
        writer.declare(tensor.name(), tensor.type(), tensor.shape(), tensor.bytes().byteSize());
      }
      long before = 0;
      for (Tensor tensor : artifact.tensors().values()) {
        long done = before;
        writer.write(tensor.name(), sink -> hand(tensor, done, sink));
        before += tensor.bytes().byteSize();
      }
      writer.finish();
    }
  }

  private void hand(Tensor tensor, long before, ModelWriter.Sink sink) throws IOException {
    long size = tensor.bytes().byteSize();
    for (long at = 0; at < size; at += PIECE) {
      long piece = Math.min(PIECE, size - at);
      sink.append(tensor.bytes().asSlice(at, piece));
      progress.accept(before + at + piece);
    }
  }

  /** A disk may lie about what it wrote; a file worth repairing is worth a second look. */
  private static void compare(
      ModelArtifact artifact, Metadata metadata, ModelFormat format, Path target) {
    try (ModelArtifact copy =
        format
            .open(target)
            .orElseThrow(reason -> differs(target, "cannot be read back: " + reason))) {
      if (!copy.metadata().equals(metadata)) {
        throw differs(target, "has other metadata than were written");
      }
      if (!List.copyOf(copy.tensors().keySet()).equals(List.copyOf(artifact.tensors().keySet()))) {
        throw differs(target, "has other tensors than were written");
      }
      for (Tensor tensor : artifact.tensors().values()) {
        Tensor copied = copy.tensors().get(tensor.name());
        if (copied == null || !same(tensor, copied)) {
          throw differs(
              target, "has another tensor '%s' than was written".formatted(tensor.name()));
        }
      }
    }
  }

  /** A tensor whose type the format does not know may have grown by the padding behind it. */
  private static boolean same(Tensor tensor, Tensor copied) {
    long size = tensor.bytes().byteSize();
    return tensor.type().equals(copied.type())
        && tensor.shape().equals(copied.shape())
        && size <= copied.bytes().byteSize()
        && tensor.bytes().mismatch(copied.bytes().asSlice(0, size)) == -1;
  }

  private static DeviceFailure differs(Path target, String how) {
    return new DeviceFailure(
        "the repaired file %s %s: the disk may be failing, or this is a defect; it was removed"
            .formatted(target, how));
  }

  private static void discard(Path unchecked) {
    try {
      Files.deleteIfExists(unchecked);
    } catch (IOException e) {
      throw new DeviceFailure(
          "the unfinished file '%s' cannot be removed: delete it".formatted(unchecked), e);
    }
  }
}
