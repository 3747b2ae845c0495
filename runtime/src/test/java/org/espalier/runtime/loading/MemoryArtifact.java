package org.espalier.runtime.loading;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;

/** A model file that exists in memory only, and counts how often it is closed. */
public final class MemoryArtifact implements ModelArtifact {
  public static final StorageType PLAIN = new StorageType.Plain(ElementType.F32);
  public static final StorageType BLOCK = new StorageType.Block("ggml", 41, "type 41");

  public int closed;
  private final Map<String, MetadataValue> metadata = new LinkedHashMap<>();
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();

  public MemoryArtifact text(String key, String value) {
    metadata.put(key, new MetadataValue.Text(value));
    return this;
  }

  public MemoryArtifact texts(String key, List<String> values) {
    metadata.put(key, new MetadataValue.Texts(values));
    return this;
  }

  public MemoryArtifact tensor(String name, StorageType type, int bytes, Long... shape) {
    tensors.put(
        name, new Tensor(name, type, List.of(shape), MemorySegment.ofArray(new byte[bytes])));
    return this;
  }

  @Override
  public Path path() {
    return Path.of("memory.model");
  }

  @Override
  public long size() {
    return 0;
  }

  @Override
  public String format() {
    return "memory";
  }

  @Override
  public Metadata metadata() {
    return new Metadata(metadata);
  }

  @Override
  public Map<String, Tensor> tensors() {
    return tensors;
  }

  @Override
  public void close() {
    closed++;
  }
}
