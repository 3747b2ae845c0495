package org.espalier.backend.cuda.weights;

import java.util.ArrayList;
import java.util.List;
import org.espalier.backend.cuda.driver.Gpu;
import org.espalier.backend.cuda.driver.HostBuffer;

/** What one owner has allocated: freed together. Used by one thread at a time. */
public final class DeviceMemory implements AutoCloseable {
  private final Gpu gpu;
  private final List<Long> blocks = new ArrayList<>();
  private final List<HostBuffer> hostBuffers = new ArrayList<>();

  /** Nothing yet. */
  public DeviceMemory(Gpu gpu) {
    this.gpu = gpu;
  }

  /** Takes device memory. */
  public long allocate(long bytes) {
    long address = gpu.allocate(bytes);
    blocks.add(address);
    return address;
  }

  /** Takes page-locked memory of the host. */
  public HostBuffer allocateHost(long bytes) {
    HostBuffer buffer = gpu.allocateHost(bytes);
    hostBuffers.add(buffer);
    return buffer;
  }

  /** Device memory with these contents. */
  public long upload(byte[] bytes) {
    long address = allocate(bytes.length);
    gpu.upload(address, bytes);
    return address;
  }

  /** Gives one block back. */
  public void free(long address) {
    blocks.remove(address);
    gpu.free(address);
  }

  /** Gives one buffer back. */
  public void free(HostBuffer buffer) {
    hostBuffers.remove(buffer);
    gpu.free(buffer);
  }

  /** Remembers what there is now. */
  Scope mark() {
    return new Scope(blocks.size(), hostBuffers.size());
  }

  /** What came after a mark. */
  final class Scope {
    private final int blockCount;
    private final int hostCount;

    private Scope(int blockCount, int hostCount) {
      this.blockCount = blockCount;
      this.hostCount = hostCount;
    }

    /** Gives it all back. */
    void release() {
      while (blocks.size() > blockCount) {
        gpu.free((long) blocks.removeLast());
      }
      while (hostBuffers.size() > hostCount) {
        gpu.free(hostBuffers.removeLast());
      }
    }
  }

  @Override
  public void close() {
    new Scope(0, 0).release();
  }
}
