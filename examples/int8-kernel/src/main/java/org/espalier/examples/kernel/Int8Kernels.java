package org.espalier.examples.kernel;

import org.espalier.api.Offer;
import org.espalier.api.backend.Precision;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.CpuKernelProvider;

/**
 * Offers the kernel for linears of the codec {@code int8}, whichever module they come from: what
 * joins a kernel to a codec is the codec's id and layout, not its classes.
 */
public final class Int8Kernels implements CpuKernelProvider {
  static final String NAME = "int8-rows";
  private static final CodecId CODEC = new CodecId("int8");
  private static final int LAYOUT = 1;

  /** Made by the service loader. */
  public Int8Kernels() {}

  @Override
  public String name() {
    return NAME;
  }

  /** Before the generic kernel, which has 0. */
  @Override
  public int preference() {
    return 50;
  }

  @Override
  public Offer<CpuKernel> offer(EncodedLinear linear, Precision precision) {
    if (!linear.codec().equals(CODEC)) {
      return Offer.declined("the codec is " + linear.codec() + ", not " + CODEC);
    }
    if (linear.layout() != LAYOUT) {
      return Offer.declined(
          "it knows layout %d of %s, not %d".formatted(LAYOUT, CODEC, linear.layout()));
    }
    return Offer.accepted(
        new Int8Kernel(linear.shape(), linear.parts().get("codes"), linear.parts().get("scales")));
  }
}
