package org.espalier.backend.cpu.dense;

import java.util.concurrent.atomic.AtomicReferenceArray;
import org.espalier.api.linear.LinearShape;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.KernelInput;
import org.espalier.backend.cpu.spi.Scratch;

/**
 * Multiplies by a matrix rounded to bytes. Each block of outputs is rounded when it is first asked
 * for, by the worker that asks: start-up waits for nothing, and the first pass shares the work.
 */
final class RoundedKernel implements CpuKernel {
  private static final int BLOCK = 64;
  private static final int GROUPS = BLOCK / ByteWeights.OUTPUTS;

  private final LinearShape shape;
  private final MatrixRows weights;
  private final AtomicReferenceArray<int[]> blocks;

  RoundedKernel(LinearShape shape, MatrixRows weights) {
    this.shape = shape;
    this.weights = weights;
    blocks = new AtomicReferenceArray<>((shape.outputs() + BLOCK - 1) / BLOCK);
  }

  @Override
  public String name() {
    return weights.kernelName();
  }

  @Override
  public int inputBytes() {
    return 0;
  }

  /** The row, and sums of its parts. */
  @Override
  public int inputFloats() {
    return shape.inputs() + shape.inputs() / ByteWeights.COLUMNS;
  }

  @Override
  public long copyBytes() {
    long groups = (shape.outputs() + ByteWeights.OUTPUTS - 1) / ByteWeights.OUTPUTS;
    return groups * ByteWeights.length(shape.inputs()) * Integer.BYTES;
  }

  @Override
  public int outputBlock() {
    return BLOCK;
  }

  @Override
  public void prepare(float[] x, int offset, KernelInput target, int row) {
    int inputs = shape.inputs();
    int at = row * target.floatsPerRow();
    System.arraycopy(x, offset, target.floats(), at, inputs);
    ByteWeights.sums(x, offset, inputs, target.floats(), at + inputs);
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
    int inputs = shape.inputs();
    int width = ByteWeights.OUTPUTS;
    float[] x = input.floats();
    int xStride = input.floatsPerRow();
    float[] sums = scratch.floats(rows * width);
    for (int o = fromOutput; o < toOutput; o += width) {
      int[] block = block(o / BLOCK);
      int at = o / width % GROUPS * ByteWeights.length(inputs);
      int outputs = Math.min(width, toOutput - o);
      ByteWeights.multiply(block, at, inputs, x, firstRow * xStride, xStride, rows, sums);
      for (int row = 0; row < rows; row++) {
        System.arraycopy(sums, row * width, y, yOffset + row * yStride + o, outputs);
      }
    }
  }

  private int[] block(int index) {
    int[] block = blocks.get(index);
    if (block == null) {
      block = round(index);
      blocks.set(index, block); // two workers may round one block; both get the same bits
    }
    return block;
  }

  private int[] round(int index) {
    int inputs = shape.inputs();
    int first = index * BLOCK;
    int outputs = Math.min(BLOCK, shape.outputs() - first);
    float[] exact = new float[inputs];
    int[] rounded = new int[GROUPS * ByteWeights.length(inputs)];
    for (int o = 0; o < outputs; o++) {
      weights.read(first + o, inputs, exact);
      int at = o / ByteWeights.OUTPUTS * ByteWeights.length(inputs);
      ByteWeights.round(exact, inputs, o % ByteWeights.OUTPUTS, rounded, at);
    }
    weights.release(first, outputs, inputs);
    return rounded;
  }
}
