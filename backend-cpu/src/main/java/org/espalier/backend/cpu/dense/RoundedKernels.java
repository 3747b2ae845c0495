package org.espalier.backend.cpu.dense;

import org.espalier.api.Offer;
import org.espalier.api.backend.Precision;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.tensor.ElementType;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.CpuKernelProvider;

/**
 * Offers to keep a BF16 copy of large F32 matrices, in practice the output head: at one row per
 * pass the time is that of reading the weights, and the copy is half as long.
 */
public final class RoundedKernels implements CpuKernelProvider {
  private static final int SMALLEST = 4096;

  /** Stateless. */
  public RoundedKernels() {}

  @Override
  public String name() {
    return "dense-f32-as-bf16";
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
        if (dense.element() != ElementType.F32) {
          yield Offer.declined("the weights are stored as " + dense.element());
        }
        if (precision == Precision.EXACT) {
          yield Offer.declined("rounding the weights is not exact");
        }
        if (linear.shape().experts() != 1
            || linear.shape().outputs() < SMALLEST
            || linear.shape().inputs() % 2 != 0) {
          yield Offer.declined("made for single matrices of at least " + SMALLEST + " outputs");
        }
        yield Offer.accepted(new RoundedKernel(linear.shape(), dense.matrices().getFirst()));
      }
    };
  }
}
