package org.espalier.backend.offload.disk;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.util.HashMap;
import java.util.Map;

/**
 * What a thread needs that reads: working memory for reads that do not begin or end where blocks
 * do, and channels of its own, since a read into several stretches of memory goes by the channel's
 * position. One thread uses it.
 */
public final class ReadBuffer implements AutoCloseable {
  private static final long SIZE = 1 << 20;
  private static final long LARGEST_BLOCK = 1 << 16;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment memory = arena.allocate(SIZE + LARGEST_BLOCK, LARGEST_BLOCK);
  private final Map<SourceFile, FileChannel> channels = new HashMap<>();

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

  /** A channel that nobody else uses. */
  FileChannel channel(SourceFile file) throws IOException {
    FileChannel channel = channels.get(file);
    if (channel == null) {
      channel = file.another();
      channels.put(file, channel);
    }
    return channel;
  }

  @Override
  public void close() {
    arena.close();
    for (Map.Entry<SourceFile, FileChannel> entry : channels.entrySet()) {
      entry.getKey().close(entry.getValue());
    }
  }
}
