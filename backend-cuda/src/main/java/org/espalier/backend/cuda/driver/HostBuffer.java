package org.espalier.backend.cuda.driver;

import java.lang.foreign.MemorySegment;
import jcuda.Pointer;

/**
 * Page-locked memory of the host, which the GPU reads and writes without a copy by the driver, and
 * kernels may use under {@link #deviceAddress()}.
 */
public final class HostBuffer {
  private final Pointer pointer;
  private final MemorySegment memory;
  private final long deviceAddress;

  HostBuffer(Pointer pointer, MemorySegment memory, long deviceAddress) {
    this.pointer = pointer;
    this.memory = memory;
    this.deviceAddress = deviceAddress;
  }

  /** Its bytes. */
  public MemorySegment memory() {
    return memory;
  }

  /** Where kernels see it. */
  public long deviceAddress() {
    return deviceAddress;
  }

  Pointer pointer() {
    return pointer;
  }
}
