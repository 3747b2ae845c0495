package org.espalier.backend.cpu.spi;

import java.util.Optional;

/**
 * Multiplies rows of activations by the core of one bank of linears: Y = X Cᵀ. Rotations are the
 * backend's affair: what arrives here is already rotated, and what leaves is not yet rotated back.
 *
 * <p>Immutable, and called from many threads at once, each with its own range of outputs. An output
 * value must not depend on how the outputs were divided between calls, or results would depend on
 * the number of threads.
 */
public interface CpuKernel {

  /** Its name, as {@code explain} shows it. */
  String name();

  /**
   * How it did in the trial that it owes its place to, if there was one; waits for seconds where
   * that has not ended.
   */
  default Optional<String> selfTest() {
    return Optional.empty();
  }

  /** Bytes that one prepared row takes in {@link KernelInput#bytes()}. */
  int inputBytes();

  /** Floats that one prepared row takes in {@link KernelInput#floats()}. */
  int inputFloats();

  /**
   * Bytes of the copy of the weights that it makes, whose originals it then reads no more; 0 for
   * kernels that read them in place.
   */
  default long copyBytes() {
    return 0;
  }

  /** Ranges of outputs begin and end at multiples of this. */
  int outputBlock();

  /**
   * Brings one row of activations into the form in which {@link #multiply} reads it: copied,
   * quantised, rearranged.
   *
   * @param x holds the row, as many values as the linear has inputs
   * @param offset of its first value
   * @param target where the prepared form goes
   * @param row which row of {@code target}
   */
  void prepare(float[] x, int offset, KernelInput target, int row);

  /**
   * Computes outputs {@code fromOutput} (inclusive) to {@code toOutput} (exclusive) for some rows.
   * Weights are decoded once for all of them.
   *
   * @param expert index in the bank
   * @param input prepared rows
   * @param firstRow first of them
   * @param rows how many
   * @param y receives output o of row r at {@code yOffset + r · yStride + o}, r counted from 0
   * @param scratch of the calling thread
   */
  void multiply(
      int expert,
      int fromOutput,
      int toOutput,
      KernelInput input,
      int firstRow,
      int rows,
      float[] y,
      int yOffset,
      int yStride,
      Scratch scratch);
}
