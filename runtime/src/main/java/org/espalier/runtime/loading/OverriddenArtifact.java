package org.espalier.runtime.loading;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.tensor.FileMap;
import org.espalier.api.tensor.Tensor;

/**
 * A file some of whose metadata the user has replaced.
 *
 * @param file as it is; closed with this
 * @param metadata overrides included
 */
public record OverriddenArtifact(ModelArtifact file, Metadata metadata) implements ModelArtifact {

  /** The file with these metadata added or replaced. */
  public static ModelArtifact of(ModelArtifact file, Map<String, MetadataValue> overrides) {
    return overrides.isEmpty()
        ? file
        : new OverriddenArtifact(file, file.metadata().with(overrides));
  }

  @Override
  public Path path() {
    return file.path();
  }

  @Override
  public long size() {
    return file.size();
  }

  @Override
  public String format() {
    return file.format();
  }

  @Override
  public Map<String, Tensor> tensors() {
    return file.tensors();
  }

  @Override
  public Optional<FileMap.Extent> find(MemorySegment bytes) {
    return file.find(bytes);
  }

  @Override
  public void close() {
    file.close();
  }
}
