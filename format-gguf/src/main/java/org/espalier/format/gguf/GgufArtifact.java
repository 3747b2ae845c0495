package org.espalier.format.gguf;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.tensor.FileMap;
import org.espalier.api.tensor.Tensor;

/** An open GGUF file; the mapping lives as long as its arena. */
final class GgufArtifact implements ModelArtifact {
  private final Path path;
  private final MemorySegment file;
  private final int version;
  private final Metadata metadata;
  private final Map<String, Tensor> tensors;
  private final Arena arena;
  private final AtomicBoolean closed = new AtomicBoolean();

  /**
   * @param file all of it, mapped
   * @param arena of the mapping, closed with the artifact
   */
  GgufArtifact(
      Path path,
      MemorySegment file,
      int version,
      Metadata metadata,
      Map<String, Tensor> tensors,
      Arena arena) {
    this.path = path;
    this.file = file;
    this.version = version;
    this.metadata = metadata;
    this.tensors = Collections.unmodifiableMap(tensors);
    this.arena = arena;
  }

  @Override
  public Path path() {
    return path;
  }

  @Override
  public long size() {
    return file.byteSize();
  }

  @Override
  public String format() {
    return "GGUF v" + version;
  }

  @Override
  public Metadata metadata() {
    return metadata;
  }

  @Override
  public Map<String, Tensor> tensors() {
    return tensors;
  }

  @Override
  public Optional<FileMap.Extent> find(MemorySegment bytes) {
    long offset = bytes.address() - file.address();
    return bytes.isNative() && offset >= 0 && offset + bytes.byteSize() <= file.byteSize()
        ? Optional.of(new FileMap.Extent(path, offset, bytes.byteSize()))
        : Optional.empty();
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      arena.close();
    }
  }
}
