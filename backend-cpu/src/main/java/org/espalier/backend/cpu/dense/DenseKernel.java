package org.espalier.backend.cpu.dense;

import java.lang.foreign.MemorySegment;
import java.util.Locale;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.tensor.ElementType;
import org.espalier.backend.cpu.numeric.Elements;
import org.espalier.backend.cpu.numeric.Products;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.KernelInput;
import org.espalier.backend.cpu.spi.Scratch;

/**
 * Multiplies by a plain matrix, exactly. F32 weights meet a single row where they lie; otherwise
 * some outputs at a time are converted into a panel that stays in the first-level cache.
 */
final class DenseKernel implements CpuKernel {
  private static final int PANEL_FLOATS = 16 * 1024;

  private final LinearShape shape;
  private final LinearForm.Dense dense;

  DenseKernel(LinearShape shape, LinearForm.Dense dense) {
    this.shape = shape;
    this.dense = dense;
  }

  @Override
  public String name() {
    return "dense-" + dense.element().name().toLowerCase(Locale.ROOT);
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
    MemorySegment matrix = dense.matrices().get(expert);
    float[] x = input.floats();
    int xOffset = firstRow * input.floatsPerRow();
    if (rows == 1 && dense.element() == ElementType.F32) {
      Products.multiplyInPlace(
          matrix,
          (long) fromOutput * inputs * Float.BYTES,
          toOutput - fromOutput,
          inputs,
          x,
          xOffset,
          y,
          yOffset + fromOutput,
          scratch.floats(Products.WORK_FLOATS),
          0);
      return;
    }
    int panelOutputs = Math.max(4, PANEL_FLOATS / inputs & -4);
    float[] panel = scratch.floats(panelOutputs * inputs + Products.WORK_FLOATS);
    for (int o = fromOutput; o < toOutput; o += panelOutputs) {
      int outputs = Math.min(panelOutputs, toOutput - o);
      Elements.read(dense.element(), matrix, (long) o * inputs, outputs * inputs, panel, 0);
      Products.multiply(
          panel,
          0,
          inputs,
          outputs,
          inputs,
          x,
          xOffset,
          input.floatsPerRow(),
          rows,
          y,
          yOffset + o,
          yStride,
          false,
          panel,
          panelOutputs * inputs);
    }
  }
}
