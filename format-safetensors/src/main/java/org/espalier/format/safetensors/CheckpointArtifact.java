package org.espalier.format.safetensors;

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

/** An open checkpoint; its files are mapped as long as its arena lives. */
final class CheckpointArtifact implements ModelArtifact {
  private final Path path;
  private final Shards shards;
  private final Metadata metadata;
  private final Map<String, Tensor> tensors;
  private final Arena arena;
  private final AtomicBoolean closed = new AtomicBoolean();

  /**
   * @param arena closed with the artifact
   */
  CheckpointArtifact(Path path, Shards shards, Metadata metadata, Arena arena) {
    this.path = path;
    this.shards = shards;
    this.metadata = metadata;
    this.tensors = Collections.unmodifiableMap(shards.tensors());
    this.arena = arena;
  }

  @Override
  public Path path() {
    return path;
  }

  @Override
  public long size() {
    return shards.size();
  }

  @Override
  public String format() {
    return shards.count() == 1 ? "safetensors" : "safetensors, %d shards".formatted(shards.count());
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
    return shards.find(bytes);
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      arena.close();
    }
  }
}
