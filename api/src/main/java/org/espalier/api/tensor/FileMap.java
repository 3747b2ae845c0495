package org.espalier.api.tensor;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Optional;

/** Says where in files the bytes of a plan lie, for backends that would rather read them. */
@FunctionalInterface
public interface FileMap {

  /** Knows of no file. */
  FileMap NONE = bytes -> Optional.empty();

  /** Where the bytes of a segment, or of a part of one, come from; empty where from no file. */
  Optional<Extent> find(MemorySegment bytes);

  /**
   * A stretch of a file.
   *
   * @param file which
   * @param offset of the first byte
   * @param length in bytes
   */
  record Extent(Path file, long offset, long length) {}
}
