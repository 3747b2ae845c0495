package org.espalier.runtime.inspection;

import java.nio.file.Path;
import java.util.List;
import org.espalier.api.format.Metadata;

/**
 * What was found in a file.
 *
 * @param path of the file
 * @param format what kind of file it is
 * @param size in bytes
 * @param metadata its key–value part
 * @param tensors in file order
 * @param types what tensors of each type take together, the largest first
 * @param reading how it would be read
 */
public record Inspection(
    Path path,
    String format,
    long size,
    Metadata metadata,
    List<StoredTensor> tensors,
    List<Total> types,
    Reading reading) {
  public Inspection {
    tensors = List.copyOf(tensors);
    types = List.copyOf(types);
  }
}
