package org.espalier.runtime.synthesis;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.Offer;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.format.ModelWriter;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;

/** Writes to memory and keeps an eye on the rules of writers. */
final class RecordingFormat implements ModelFormat {
  Metadata metadata = Metadata.empty();
  final Map<String, Tensor> tensors = new LinkedHashMap<>();
  boolean finished;
  boolean closed;
  long failAfter = Long.MAX_VALUE;
  private long written;

  @Override
  public String id() {
    return "recording";
  }

  @Override
  public Offer<ModelArtifact> open(Path path) {
    return Offer.declined("it only writes");
  }

  @Override
  public Offer<ModelWriter> create(Path path, Metadata metadata) {
    this.metadata = metadata;
    return Offer.accepted(new Writer());
  }

  private final class Writer implements ModelWriter {
    private record Declared(StorageType type, List<Long> shape, long bytes) {}

    private final Map<String, Declared> declared = new LinkedHashMap<>();

    @Override
    public void declare(String name, StorageType type, List<Long> shape, long byteSize) {
      if (!tensors.isEmpty() || declared.put(name, new Declared(type, shape, byteSize)) != null) {
        throw new IllegalStateException("declared too late or twice: " + name);
      }
    }

    @Override
    public void write(String name, Content content) {
      if (!List.copyOf(declared.keySet()).get(tensors.size()).equals(name)) {
        throw new IllegalStateException("out of turn: " + name);
      }
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      try {
        content.writeTo(piece -> {
          written += piece.byteSize();
          if (written > failAfter) {
            throw new IOException("disk full");
          }
          bytes.write(piece.toArray(ValueLayout.JAVA_BYTE));
        });
      } catch (IOException e) {
        throw new DeviceFailure("cannot write", e);
      }
      Declared tensor = declared.get(name);
      if (tensor.bytes != bytes.size()) {
        throw new IllegalStateException(name + " has " + bytes.size() + " bytes");
      }
      MemorySegment data = MemorySegment.ofArray(bytes.toByteArray());
      tensors.put(name, new Tensor(name, tensor.type, tensor.shape, data));
    }

    @Override
    public void finish() {
      finished = tensors.size() == declared.size();
    }

    @Override
    public void close() {
      closed = true;
    }
  }
}
