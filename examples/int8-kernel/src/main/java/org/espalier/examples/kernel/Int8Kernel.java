package org.espalier.examples.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.espalier.api.linear.LinearShape;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.KernelInput;
import org.espalier.backend.cpu.spi.Scratch;

/**
 * Multiplies by the codes of a row and scales the sum once. Codes are widened once for all rows of
 * activations; the sums run in four lanes, in an order that depends on nothing but the column.
 */
final class Int8Kernel implements CpuKernel {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int LANES = 4;

  private final LinearShape shape;
  private final MemorySegment codes;
  private final MemorySegment scales;

  Int8Kernel(LinearShape shape, MemorySegment codes, MemorySegment scales) {
    this.shape = shape;
    this.codes = codes;
    this.scales = scales;
  }

  @Override
  public String name() {
    return Int8Kernels.NAME;
  }

  @Override
  public int inputBytes() {
    return 0;
  }

  @Override
  public int inputFloats() {
    return shape.inputs();
  }

  @Override
  public int outputBlock() {
    return 1;
  }

  @Override
  public void prepare(float[] x, int offset, KernelInput target, int row) {
    System.arraycopy(x, offset, target.floats(), row * target.floatsPerRow(), shape.inputs());
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
    float[] weights = scratch.floats(inputs);
    for (int output = fromOutput; output < toOutput; output++) {
      long at = (long) expert * shape.outputs() + output;
      float scale = scales.getAtIndex(F32, at);
      for (int i = 0; i < inputs; i++) {
        weights[i] = codes.get(ValueLayout.JAVA_BYTE, at * inputs + i);
      }
      for (int row = 0; row < rows; row++) {
        float sum = dot(weights, input.floats(), (firstRow + row) * input.floatsPerRow(), inputs);
        y[yOffset + row * yStride + output] = scale * sum;
      }
    }
  }

  private static float dot(float[] weights, float[] x, int offset, int length) {
    float a = 0;
    float b = 0;
    float c = 0;
    float d = 0;
    int i = 0;
    for (; i + LANES <= length; i += LANES) {
      a += weights[i] * x[offset + i];
      b += weights[i + 1] * x[offset + i + 1];
      c += weights[i + 2] * x[offset + i + 2];
      d += weights[i + 3] * x[offset + i + 3];
    }
    for (; i < length; i++) {
      a += weights[i] * x[offset + i];
    }
    return (a + b) + (c + d);
  }
}
