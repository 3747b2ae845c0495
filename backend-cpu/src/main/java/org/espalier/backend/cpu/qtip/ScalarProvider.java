package org.espalier.backend.cpu.qtip;

import org.espalier.api.Offer;
import org.espalier.api.backend.Precision;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.CpuKernelProvider;

/** Offers the kernel that runs everywhere. */
record ScalarProvider(String name, int preference) implements CpuKernelProvider {
  @Override
  public Offer<CpuKernel> offer(EncodedLinear linear, Precision precision) {
    return QtipCore.of(linear).map(QtipKernels::scalar);
  }
}
