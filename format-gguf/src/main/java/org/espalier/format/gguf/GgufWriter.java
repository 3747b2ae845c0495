package org.espalier.format.gguf;

import static org.espalier.format.gguf.GgufInput.quoted;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.MetadataValue.Whole;
import org.espalier.api.format.ModelWriter;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.StorageType.Block;
import org.espalier.api.tensor.StorageType.Plain;

/**
 * Writes GGUF version 3. Whatever fails removes the temporary file at once; the writer is then of
 * no more use.
 */
final class GgufWriter implements ModelWriter {
  private static final int VERSION = 3;
  private static final long TENSOR_COUNT_PLACE = 2L * Integer.BYTES;

  private final TemporaryFile file;
  private final GgufOutput output;
  private final int alignment;
  private final List<Declared> tensors = new ArrayList<>();
  private final Set<String> names = new HashSet<>();
  private int written;
  private boolean tableWritten;
  private long dataStart;

  private record Declared(String name, ByteBuffer utf8, int code, List<Long> shape, long bytes) {}

  /** Writing that may fail for reasons of the machine. */
  @FunctionalInterface
  private interface Work {
    void run() throws IOException;
  }

  /** Begins the file: metadata that cannot be written is refused here. */
  GgufWriter(Path target, Metadata metadata) {
    this.alignment = alignment(metadata);
    this.file = TemporaryFile.create(target);
    this.output = new GgufOutput(file.channel());
    attempt(() -> {
      output.int32(GgufReader.MAGIC);
      output.int32(VERSION);
      output.int64(0);
      output.int64(metadata.entries().size());
      new MetadataWriter(output).write(metadata);
    });
  }

  private static int alignment(Metadata metadata) {
    return switch (metadata.entries().get(Alignment.KEY)) {
      case null -> Alignment.DEFAULT;
      case Whole whole when Alignment.isValid(whole.value()) -> (int) whole.value();
      case MetadataValue _ ->
          throw new InvalidRequest("metadata key '%s' %s".formatted(Alignment.KEY, Alignment.RULE));
    };
  }

  @Override
  public void declare(String name, StorageType type, List<Long> shape, long byteSize) {
    if (tableWritten) {
      throw new IllegalStateException("all tensors are declared before the first is written");
    }
    ByteBuffer utf8 = MetadataWriter.utf8(name, "the name of tensor " + quoted(name));
    if (utf8.remaining() > TensorShape.MAX_NAME_BYTES) {
      throw invalid(name, "has a name of more than %d bytes", TensorShape.MAX_NAME_BYTES);
    }
    if (shape.size() > TensorShape.MAX_DIMENSIONS || !TensorShape.isValid(shape)) {
      throw invalid(
          name,
          "cannot have the shape %s: at most %d dimensions, none below 1",
          shape,
          TensorShape.MAX_DIMENSIONS);
    }
    if (tensors.size() == TensorTable.MAX_TENSORS) {
      throw invalid(name, "is one too many: a file holds at most %d", TensorTable.MAX_TENSORS);
    }
    int code = code(name, type);
    checkSize(name, GgmlType.of(code), shape, byteSize);
    if (!names.add(name)) {
      throw invalid(name, "is declared twice");
    }
    tensors.add(new Declared(name, utf8, code, List.copyOf(shape), byteSize));
  }

  private static int code(String name, StorageType type) {
    return switch (type) {
      case Plain(var element) -> GgmlType.code(element);
      case Block(String namespace, int code, String _) when namespace.equals(GgmlType.NAMESPACE) ->
          code;
      case Block block ->
          throw new Unsupported(
              "GGUF cannot hold tensor %s of type %s: its codes are those of %s, not of %s"
                  .formatted(quoted(name), block, GgmlType.NAMESPACE, block.namespace()));
    };
  }

  private static void checkSize(
      String name, Optional<GgmlType> known, List<Long> shape, long byteSize) {
    if (byteSize < 1) {
      throw invalid(name, "cannot have %d bytes", byteSize);
    }
    if (known.isEmpty()) {
      return;
    }
    GgmlType type = known.get();
    if (TensorShape.rowElements(shape) % type.blockElements() != 0) {
      throw invalid(
          name,
          "has rows of %d elements, but type %s comes in blocks of %d",
          TensorShape.rowElements(shape),
          type,
          type.blockElements());
    }
    long expected = type.bytes(TensorShape.elements(shape));
    if (byteSize != expected) {
      throw invalid(
          name, "of shape %s and type %s has %d bytes, not %d", shape, type, expected, byteSize);
    }
  }

  @Override
  public void write(String name, Content content) {
    if (written == tensors.size() || !tensors.get(written).name.equals(name)) {
      String next = written == tensors.size() ? "none" : quoted(tensors.get(written).name);
      throw new IllegalStateException(
          "tensor %s is out of turn: the next one is %s".formatted(quoted(name), next));
    }
    attempt(() -> {
      writeTable();
      write(tensors.get(written), content);
    });
    written++;
  }

  private void write(Declared tensor, Content content) throws IOException {
    long end = output.position() + tensor.bytes;
    content.writeTo(bytes -> {
      if (bytes.byteSize() > end - output.position()) {
        throw invalid(tensor.name, "was handed over with more than its %d bytes", tensor.bytes);
      }
      append(bytes);
    });
    if (output.position() != end) {
      throw invalid(
          tensor.name,
          "was handed over with %d bytes too few of %d",
          end - output.position(),
          tensor.bytes);
    }
    output.pad(alignment);
  }

  /** What goes wrong here is the disk's fault, whereas content may fail for its own reasons. */
  private void append(MemorySegment bytes) {
    try {
      output.bytes(bytes);
    } catch (IOException e) {
      throw file.failure(e, expectedSize());
    }
  }

  private void writeTable() throws IOException {
    if (tableWritten) {
      return;
    }
    tableWritten = true;
    long offset = 0;
    for (Declared tensor : tensors) {
      output.text(tensor.utf8);
      output.int32(tensor.shape.size());
      for (long dimension : tensor.shape.reversed()) {
        output.int64(dimension);
      }
      output.int32(tensor.code);
      output.int64(offset);
      offset = Alignment.up(offset + tensor.bytes, alignment);
    }
    output.pad(alignment);
    dataStart = output.position();
    output.patch(TENSOR_COUNT_PLACE, tensors.size());
  }

  @Override
  public void finish() {
    if (written < tensors.size()) {
      throw new IllegalStateException(
          "tensor %s has not been written".formatted(quoted(tensors.get(written).name)));
    }
    attempt(() -> {
      writeTable();
      output.flush();
      file.moveIntoPlace();
    });
  }

  @Override
  public void close() {
    file.close();
  }

  private void attempt(Work work) {
    file.requireOpen();
    boolean done = false;
    try {
      work.run();
      done = true;
    } catch (IOException e) {
      throw file.failure(e, expectedSize());
    } finally {
      if (!done) {
        file.discard();
      }
    }
  }

  private long expectedSize() {
    long head = tableWritten ? dataStart : output.position();
    return head + tensors.stream().mapToLong(Declared::bytes).sum();
  }

  private static InvalidRequest invalid(String name, String rest, Object... arguments) {
    return new InvalidRequest("tensor " + quoted(name) + " " + rest.formatted(arguments));
  }
}
