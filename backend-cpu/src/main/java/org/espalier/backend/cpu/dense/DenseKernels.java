package org.espalier.backend.cpu.dense;

import org.espalier.api.Offer;
import org.espalier.api.backend.Precision;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.CpuKernelProvider;

/** Offers kernels for weights that are stored one by one. */
public final class DenseKernels implements CpuKernelProvider {
  /** Stateless. */
  public DenseKernels() {}

  @Override
  public String name() {
    return "dense";
  }

  @Override
  public int preference() {
    return 10;
  }

  @Override
  public Offer<CpuKernel> offer(EncodedLinear linear, Precision precision) {
    return switch (linear.form()) {
      case LinearForm.Dense dense -> Offer.accepted(new DenseKernel(linear.shape(), dense));
      case LinearForm.Tiled _ -> Offer.declined("the weights are encoded in tiles");
    };
  }
}
