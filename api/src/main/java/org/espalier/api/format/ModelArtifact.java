package org.espalier.api.format;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.tensor.FileMap;
import org.espalier.api.tensor.Tensor;

/** An open model file (or folder). Closing it makes the bytes of its tensors inaccessible. */
public interface ModelArtifact extends AutoCloseable {

  /** Where it came from. */
  Path path();

  /** Bytes of the file, or of all files. */
  long size();

  /** What kind of file it is, for people: {@code "GGUF v3"}. */
  String format();

  /** Its key–value part. */
  Metadata metadata();

  /** Its tensors by name, in file order. */
  Map<String, Tensor> tensors();

  /**
   * Where in its files the bytes of a tensor, or of a part of one, lie; empty where the format does
   * not say.
   */
  default Optional<FileMap.Extent> find(MemorySegment bytes) {
    return Optional.empty();
  }

  @Override
  void close();
}
