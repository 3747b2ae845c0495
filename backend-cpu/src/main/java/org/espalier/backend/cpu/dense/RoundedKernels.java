package org.espalier.backend.cpu.dense;

import org.espalier.api.Offer;
import org.espalier.api.backend.Precision;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.CpuKernelProvider;

/**
 * Offers to keep a copy of large matrices in bytes, in practice of the output head: at one row per
 * pass the time is that of reading the weights, and the copy is a quarter as long.
 */
public final class RoundedKernels implements CpuKernelProvider {
  private static final int SMALLEST = 4096;

  /** Stateless. */
  public RoundedKernels() {}

  @Override
  public String name() {
    return "dense-as-bytes";
  }

  @Override
  public int preference() {
    return 20;
  }

  @Override
  public Offer<CpuKernel> offer(EncodedLinear linear, Precision precision) {
    return switch (linear.form()) {
      case LinearForm.Tiled _ -> Offer.declined("the weights are encoded in tiles");
      case LinearForm.Dense dense -> {
        if (precision == Precision.EXACT) {
          yield Offer.declined("rounding the weights is not exact");
        }
        if (linear.shape().experts() != 1
            || linear.shape().outputs() < SMALLEST
            || linear.shape().inputs() % ByteWeights.COLUMNS != 0) {
          yield Offer.declined(
              "made for single matrices of at least %d outputs and of multiples of %d inputs"
                  .formatted(SMALLEST, ByteWeights.COLUMNS));
        }
        yield Offer.accepted(
            new RoundedKernel(linear.shape(), dense.element(), dense.matrices().getFirst()));
      }
    };
  }
}
