package org.espalier.backend.cpu.qtip;

import java.util.List;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.KernelInput;
import org.espalier.backend.cpu.spi.Scratch;

/**
 * Calls whichever of several kernels has won the warm-up, and a scalar one where none has. They
 * read one form of input and give the same bits, so it matters to nothing but speed.
 */
final class WarmKernel implements CpuKernel {
  private final List<CpuKernel> candidates;
  private final CpuKernel scalar;
  private final WarmUp warmUp;

  WarmKernel(List<CpuKernel> candidates, CpuKernel scalar, WarmUp warmUp) {
    this.candidates = candidates;
    this.scalar = scalar;
    this.warmUp = warmUp;
  }

  @Override
  public String name() {
    WarmUp.Outcome outcome = warmUp.outcome();
    int winner = outcome == null ? 0 : outcome.winner();
    return winner < 0 ? scalar.name() : candidates.get(winner).name();
  }

  @Override
  public int inputBytes() {
    return scalar.inputBytes();
  }

  @Override
  public int inputFloats() {
    return scalar.inputFloats();
  }

  @Override
  public int outputBlock() {
    return scalar.outputBlock();
  }

  @Override
  public void prepare(float[] x, int offset, KernelInput target, int row) {
    scalar.prepare(x, offset, target, row);
  }

  @Override
  public void multiply(
      int expert,
      int fromOutput,
      int toOutput,
      KernelInput input,
      int firstRow,
      int rows,
      float[] y,
      int yOffset,
      int yStride,
      Scratch scratch) {
    int winner = warmUp.winner();
    CpuKernel kernel = winner < 0 ? scalar : candidates.get(winner);
    kernel.multiply(
        expert, fromOutput, toOutput, input, firstRow, rows, y, yOffset, yStride, scratch);
  }
}
