package org.espalier.backend.cuda.driver;

import jcuda.driver.CUdeviceptr;

/** Between the addresses that JCuda wraps and plain numbers, which structures for kernels hold. */
final class DeviceAddress extends CUdeviceptr {
  long value() {
    return getNativePointer() + getByteOffset();
  }

  static CUdeviceptr of(long address) {
    return new CUdeviceptr().withByteOffset(address);
  }
}
