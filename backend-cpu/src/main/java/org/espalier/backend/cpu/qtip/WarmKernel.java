package org.espalier.backend.cpu.qtip;

import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
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
  private final int tileColumns;
  private final WarmUp warmUp;
  private final Supplier<WarmUp.Entrants> entrants;

  /**
   * A choice that is still open.
   *
   * @param tileColumns of the linear
   * @param entrants with which the warm-up may begin, should this kernel be the one to begin it
   */
  WarmKernel(
      List<CpuKernel> candidates,
      CpuKernel scalar,
      int tileColumns,
      WarmUp warmUp,
      Supplier<WarmUp.Entrants> entrants) {
    this.candidates = candidates;
    this.scalar = scalar;
    this.tileColumns = tileColumns;
    this.warmUp = warmUp;
    this.entrants = entrants;
  }

  @Override
  public String name() {
    WarmUp.Outcome outcome = warmUp.outcome();
    int winner = outcome == null ? 0 : outcome.winner();
    return winner < 0 ? scalar.name() : candidates.get(winner).name();
  }

  @Override
  public Optional<String> selfTest() {
    WarmUp.Outcome outcome = warmUp.conclusion(entrants);
    return Optional.of(outcome == null ? "its self-test has not ended yet" : outcome.message());
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
    long tiles = (long) (toOutput - fromOutput) / QtipCore.TILE * tileColumns;
    int winner = warmUp.winner(tiles * rows, entrants);
    CpuKernel kernel = winner < 0 ? scalar : candidates.get(winner);
    kernel.multiply(
        expert, fromOutput, toOutput, input, firstRow, rows, y, yOffset, yStride, scratch);
  }
}
