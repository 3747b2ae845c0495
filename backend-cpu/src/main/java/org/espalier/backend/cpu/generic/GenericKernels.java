package org.espalier.backend.cpu.generic;

import org.espalier.api.Offer;
import org.espalier.api.backend.Precision;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.CpuKernelProvider;

/** Offers the kernel that can run any codec: the last one asked. */
public final class GenericKernels implements CpuKernelProvider {
  /** Stateless. */
  public GenericKernels() {}

  @Override
  public String name() {
    return "generic";
  }

  @Override
  public int preference() {
    return 0;
  }

  @Override
  public Offer<CpuKernel> offer(EncodedLinear linear, Precision precision) {
    return switch (linear.form()) {
      case LinearForm.Tiled tiled -> Offer.accepted(new GenericKernel(linear.shape(), tiled));
      case LinearForm.Dense _ -> Offer.declined("the weights are not encoded in tiles");
    };
  }
}
