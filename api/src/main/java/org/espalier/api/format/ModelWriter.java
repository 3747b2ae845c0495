package org.espalier.api.format;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.espalier.api.tensor.StorageType;

/**
 * Writes one model file: first all tensors are declared, then written in that order, then the file
 * is finished. It grows under a temporary name in the same folder and is moved at the end; closing
 * an unfinished writer removes it.
 */
public interface ModelWriter extends AutoCloseable {

  /**
   * Announces a tensor; all must be announced before the first is written.
   *
   * @param shape outermost first
   * @param byteSize bytes that {@link #write} will hand over
   */
  void declare(String name, StorageType type, List<Long> shape, long byteSize);

  /** Writes a tensor's bytes, piece by piece through the given sink. */
  void write(String name, Content content);

  /** Completes the file and moves it into place. */
  void finish();

  @Override
  void close();

  /** Where a tensor's bytes come from. */
  @FunctionalInterface
  interface Content {
    /** Hands over exactly the declared number of bytes, in order. */
    void writeTo(Sink sink) throws IOException;
  }

  /** Where they go. */
  @FunctionalInterface
  interface Sink {
    /** Appends all bytes of the segment. */
    void append(MemorySegment bytes) throws IOException;
  }
}
