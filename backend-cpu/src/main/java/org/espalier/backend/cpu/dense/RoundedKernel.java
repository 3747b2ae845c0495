package org.espalier.backend.cpu.dense;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.tensor.ElementType;
import org.espalier.backend.cpu.numeric.BrainProducts;
import org.espalier.backend.cpu.numeric.Elements;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.KernelInput;
import org.espalier.backend.cpu.spi.Scratch;

/**
 * Multiplies by an F32 matrix rounded to BF16. Each block of outputs is rounded when it is first
 * asked for, by the worker that asks: start-up waits for nothing, and the first pass shares the
 * work.
 */
final class RoundedKernel implements CpuKernel {
  private static final int BLOCK = 64;

  /** Outputs whose weights stay in the first cache while rows pass by: 32 KB of 2048 inputs. */
  private static final int PANEL = 8;

  private final LinearShape shape;
  private final MemorySegment weights;
  private final AtomicReferenceArray<int[]> blocks;

  RoundedKernel(LinearShape shape, MemorySegment weights) {
    this.shape = shape;
    this.weights = weights;
    blocks = new AtomicReferenceArray<>((shape.outputs() + BLOCK - 1) / BLOCK);
  }

  @Override
  public String name() {
    return "dense-f32-as-bf16";
  }

  @Override
  public int inputBytes() {
    return 0;
  }

  /** The row with its even and its odd values apart. */
  @Override
  public int inputFloats() {
    return shape.inputs();
  }

  @Override
  public int outputBlock() {
    return BLOCK;
  }

  @Override
  public void prepare(float[] x, int offset, KernelInput target, int row) {
    BrainProducts.separate(x, offset, shape.inputs(), target.floats(), row * target.floatsPerRow());
  }

  /** Every row for itself, so that what comes out does not depend on its company. */
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
    for (int o = fromOutput; o < toOutput; o += BLOCK) {
      int outputs = Math.min(BLOCK, toOutput - o);
      int[] block = block(o / BLOCK);
      for (int p = 0; p < outputs; p += PANEL) {
        for (int row = 0; row < rows; row++) {
          BrainProducts.multiply(
              block,
              p * inputs / 2,
              Math.min(PANEL, outputs - p),
              inputs,
              input.floats(),
              (firstRow + row) * input.floatsPerRow(),
              y,
              yOffset + row * yStride + o + p);
        }
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

  /** Rounded weights of a block, two in an int, the one of lower index in the low half. */
  private int[] round(int index) {
    int inputs = shape.inputs();
    int first = index * BLOCK;
    int outputs = Math.min(BLOCK, shape.outputs() - first);
    float[] exact = new float[inputs];
    int[] rounded = new int[outputs * inputs / 2];
    for (int o = 0; o < outputs; o++) {
      Elements.read(ElementType.F32, weights, (long) (first + o) * inputs, inputs, exact, 0);
      for (int i = 0; i < inputs; i += 2) {
        int even = Elements.toBrain(exact[i]) & 0xFFFF;
        rounded[(o * inputs + i) / 2] = even | Elements.toBrain(exact[i + 1]) << 16;
      }
    }
    return rounded;
  }
}
