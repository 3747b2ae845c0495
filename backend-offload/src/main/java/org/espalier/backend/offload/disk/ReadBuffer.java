package org.espalier.backend.offload.disk;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Working memory for reads that do not begin or end where blocks do. One thread uses it. */
public final class ReadBuffer implements AutoCloseable {
  private static final long SIZE = 1 << 20;
  private static final long LARGEST_BLOCK = 1 << 16;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment memory = arena.allocate(SIZE + LARGEST_BLOCK, LARGEST_BLOCK);

  /** Allocates it. */
  public ReadBuffer() {}

  /** Bytes that a single read can bring. */
  long size() {
    return SIZE;
  }

  /** The memory, aligned to blocks up to the largest that there are. */
  MemorySegment aligned(int block) {
    if (block > LARGEST_BLOCK) {
      throw new IllegalArgumentException("blocks are too large: " + block);
    }
    return memory;
  }

  @Override
  public void close() {
    arena.close();
  }
}
