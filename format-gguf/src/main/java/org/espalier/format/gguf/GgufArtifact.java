package org.espalier.format.gguf;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.tensor.Tensor;

/** An open GGUF file; the mapping lives as long as its arena. */
final class GgufArtifact implements ModelArtifact {
  private final Path path;
  private final long size;
  private final int version;
  private final Metadata metadata;
  private final Map<String, Tensor> tensors;
  private final Arena arena;
  private final AtomicBoolean closed = new AtomicBoolean();

  /**
   * @param arena closed with the artifact
   */
  GgufArtifact(
      Path path,
      long size,
      int version,
      Metadata metadata,
      Map<String, Tensor> tensors,
      Arena arena) {
    this.path = path;
    this.size = size;
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
    return size;
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
  public void close() {
    if (closed.compareAndSet(false, true)) {
      arena.close();
    }
  }
}
