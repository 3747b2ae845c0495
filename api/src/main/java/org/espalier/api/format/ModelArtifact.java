package org.espalier.api.format;

import java.nio.file.Path;
import java.util.Map;
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

  @Override
  void close();
}
