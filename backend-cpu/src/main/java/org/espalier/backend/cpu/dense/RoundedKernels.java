package org.espalier.backend.cpu.dense;

import org.espalier.api.Offer;
import org.espalier.api.backend.Precision;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.CpuKernelProvider;

/**
 * Offers to keep a copy of a matrix in bytes: of large plain ones, in practice of the output head,
 * because at one row per pass the time is that of reading the weights and the copy is a quarter as
 * long; and of ggml's blocks, because to decode them for every row takes longer than all else.
 */
public final class RoundedKernels implements CpuKernelProvider {
  private static final int SMALLEST = 4096;
  private static final String BLOCKS_CODEC = "ggml";
  private static final String BLOCKS = "blocks";

  /** Stateless. */
  public RoundedKernels() {}

  @Override
  public String name() {
    return "as-bytes";
  }

  @Override
  public int preference() {
    return 20;
  }

  @Override
  public Offer<CpuKernel> offer(EncodedLinear linear, Precision precision) {
    if (linear.form() instanceof LinearForm.Tiled && !isOfBlocks(linear)) {
      return Offer.declined("the weights are encoded in tiles");
    }
    if (precision == Precision.EXACT) {
      return Offer.declined("rounding the weights is not exact");
    }
    boolean single =
        linear.shape().experts() == 1 && linear.shape().inputs() % ByteWeights.COLUMNS == 0;
    return switch (linear.form()) {
      case LinearForm.Dense dense ->
          single && linear.shape().outputs() >= SMALLEST
              ? Offer.accepted(
                  new RoundedKernel(
                      linear.shape(),
                      new MatrixRows.Plain(dense.element(), dense.matrices().getFirst())))
              : Offer.declined(
                  "made for single matrices of at least %d outputs and of multiples of %d inputs"
                      .formatted(SMALLEST, ByteWeights.COLUMNS));
      case LinearForm.Tiled tiled ->
          single
              ? Offer.accepted(
                  new RoundedKernel(
                      linear.shape(),
                      new MatrixRows.Blocks(
                          tiled,
                          tiled.grid().columns(),
                          linear.parts().get(BLOCKS),
                          linear.shape().outputs())))
              : Offer.declined(
                  "made for single matrices of multiples of %d inputs"
                      .formatted(ByteWeights.COLUMNS));
    };
  }

  /** ggml's types have 8.5 bits at most, and no rotations: bytes lose next to nothing of them. */
  private static boolean isOfBlocks(EncodedLinear linear) {
    return linear.codec().value().equals(BLOCKS_CODEC) && linear.parts().containsKey(BLOCKS);
  }
}
