package org.espalier.backend.cpu.dense;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.tensor.ElementType;
import org.espalier.backend.cpu.numeric.BrainProducts;
import org.espalier.backend.cpu.numeric.Elements;
import org.espalier.backend.cpu.numeric.Products;
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

  /** Bytes around a page that some systems map together with it. */
  private static final long BROUGHT_ALONG = 1 << 16;

  /** Outputs whose floats stay in the second-level cache while rows pass by. */
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

  /** The row as it is, for panels, and with even and odd values apart, for single rows. */
  @Override
  public int inputFloats() {
    return 2 * shape.inputs();
  }

  @Override
  public long copyBytes() {
    return shape.weights() * 2;
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
    BrainProducts.separate(x, offset, inputs, target.floats(), at + inputs);
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
    float[] x = input.floats();
    int xOffset = firstRow * input.floatsPerRow();
    for (int o = fromOutput; o < toOutput; o += BLOCK) {
      int outputs = Math.min(BLOCK, toOutput - o);
      int[] block = block(o / BLOCK);
      if (rows == 1) {
        BrainProducts.multiply(block, 0, outputs, inputs, x, xOffset + inputs, y, yOffset + o);
      } else {
        for (int p = 0; p < outputs; p += PANEL) {
          int panelOutputs = Math.min(PANEL, outputs - p);
          float[] panel = scratch.floats(PANEL * inputs);
          BrainProducts.expand(block, p * inputs / 2, panelOutputs * inputs / 2, panel, 0);
          Products.multiply(
              panel,
              0,
              inputs,
              panelOutputs,
              inputs,
              x,
              xOffset,
              input.floatsPerRow(),
              rows,
              y,
              yOffset + o + p,
              yStride,
              false);
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
    release(first, outputs);
    return rounded;
  }

  /**
   * Lets go of mapped pages that are read no more; they would count as memory of ours. Reading the
   * first of them may have brought some before it back.
   */
  private void release(int firstOutput, int outputs) {
    if (weights.isMapped()) {
      long rowBytes = (long) shape.inputs() * Float.BYTES;
      long from = Math.max(0, firstOutput * rowBytes - BROUGHT_ALONG);
      weights.asSlice(from, (firstOutput + outputs) * rowBytes - from).unload();
    }
  }
}
