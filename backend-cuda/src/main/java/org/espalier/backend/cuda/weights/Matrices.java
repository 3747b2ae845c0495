package org.espalier.backend.cuda.weights;

import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;
import org.espalier.backend.cuda.driver.Gpu;
import org.espalier.backend.cuda.driver.HostBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Where the matrices of a bank are: in device memory or in page-locked memory of the host. Kernels
 * go by the table of addresses in device memory, so that a matrix may move between passes.
 */
public final class Matrices {
  private final long table;
  private final long bytes;
  private final long[] addresses;
  private final @Nullable HostBuffer[] buffers;

  /**
   * @param table where the table is
   * @param bytes of a matrix
   * @param addresses what it holds
   * @param buffers those of matrices in memory of the host
   */
  Matrices(long table, long bytes, long[] addresses, @Nullable HostBuffer[] buffers) {
    this.table = table;
    this.bytes = bytes;
    this.addresses = addresses;
    this.buffers = buffers;
  }

  /** Where the table is. */
  public long table() {
    return table;
  }

  /** Bytes of one matrix. */
  public long bytes() {
    return bytes;
  }

  /** Whether an expert's matrix is in memory of the host. */
  public boolean isOnHost(int expert) {
    return buffers[expert] != null;
  }

  /** How many are in memory of the host. */
  public int onHost() {
    return (int) IntStream.range(0, buffers.length).filter(this::isOnHost).count();
  }

  /** Where a matrix is. */
  long address(int expert) {
    return addresses[expert];
  }

  /** Bytes of page-locked memory that {@link #exchange} and {@link #copy} write to. */
  public long entryBytes() {
    return (long) addresses.length * Long.BYTES;
  }

  /** Bytes of device memory that {@link #copy} needs. */
  public long copyBytes() {
    return (entryBytes() + 255) / 256 * 256 + onHost() * bytes;
  }

  /**
   * A matrix comes from the host, another goes there, in the order of the stream.
   *
   * @param spare device memory for one matrix
   * @param entries page-locked memory that nobody writes to before the stream has come so far
   * @param at where in it there are 16 bytes
   */
  public void exchange(
      Gpu gpu, int arriving, int leaving, long spare, HostBuffer entries, long at) {
    HostBuffer buffer = buffers[arriving];
    if (buffer == null || isOnHost(leaving)) {
      throw new IllegalArgumentException("%d and %d do not change".formatted(arriving, leaving));
    }
    long place = addresses[leaving];
    gpu.copy(spare, place, bytes);
    gpu.upload(place, buffer, 0, bytes);
    gpu.download(buffer, 0, spare, bytes);
    buffers[arriving] = null;
    buffers[leaving] = buffer;
    write(gpu, arriving, place, entries, at);
    write(gpu, leaving, buffer.deviceAddress(), entries, at + Long.BYTES);
  }

  private void write(Gpu gpu, int expert, long address, HostBuffer entries, long at) {
    addresses[expert] = address;
    entries.memory().set(ValueLayout.JAVA_LONG, at, address);
    gpu.upload(table + (long) expert * Long.BYTES, entries, at, Long.BYTES);
  }

  /**
   * Copies all matrices that are in memory of the host, in the order of the stream.
   *
   * @param area device memory of {@link #copyBytes}
   * @param entries page-locked memory that nobody writes to before the stream has come so far
   * @param at where in it there are {@link #entryBytes}
   * @return a table, at the beginning of the area, by which all matrices are in device memory
   */
  public long copy(Gpu gpu, long area, HostBuffer entries, long at) {
    long next = area + (entryBytes() + 255) / 256 * 256;
    for (int expert = 0; expert < addresses.length; expert++) {
      HostBuffer buffer = buffers[expert];
      long address = addresses[expert];
      if (buffer != null) {
        gpu.upload(next, buffer, 0, bytes);
        address = next;
        next += bytes;
      }
      entries.memory().set(ValueLayout.JAVA_LONG, at + (long) expert * Long.BYTES, address);
    }
    gpu.upload(area, entries, at, entryBytes());
    return area;
  }
}
