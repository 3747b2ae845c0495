package org.espalier.backend.cpu.dense;

import java.lang.foreign.MemorySegment;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.tensor.ElementType;
import org.espalier.backend.cpu.numeric.Elements;

/** The rows of a single matrix as they are stored. */
sealed interface MatrixRows {
  /** How the kernel that copies them is called. */
  String kernelName();

  /** Reads a row. */
  void read(int row, int inputs, float[] target);

  /**
   * Lets go of the mapped pages of some rows that are read no more; they would count as memory of
   * ours.
   */
  void release(int firstRow, int rows, int inputs);

  /** One number after another. */
  record Plain(ElementType element, MemorySegment weights) implements MatrixRows {
    @Override
    public String kernelName() {
      return "dense-as-bytes";
    }

    @Override
    public void read(int row, int inputs, float[] target) {
      Elements.read(element, weights, (long) row * inputs, inputs, target, 0);
    }

    @Override
    public void release(int firstRow, int rows, int inputs) {
      unload(weights, (long) inputs * element.bytes(), firstRow, rows);
    }
  }

  /**
   * Blocks, each of one row.
   *
   * @param columns of a block
   * @param blocks where they lie
   */
  record Blocks(LinearForm.Tiled form, int columns, MemorySegment blocks, int outputs)
      implements MatrixRows {
    @Override
    public String kernelName() {
      return "blocks-as-bytes";
    }

    @Override
    public void read(int row, int inputs, float[] target) {
      form.core().decode(0, row, 0, inputs / columns, target, 0);
    }

    @Override
    public void release(int firstRow, int rows, int inputs) {
      unload(blocks, blocks.byteSize() / outputs, firstRow, rows);
    }
  }

  private static void unload(MemorySegment weights, long rowBytes, int firstRow, int rows) {
    if (weights.isMapped()) {
      // Reading the first page may have brought some before it back.
      long from = Math.max(0, firstRow * rowBytes - BROUGHT_ALONG);
      weights.asSlice(from, (firstRow + rows) * rowBytes - from).unload();
    }
  }

  /** Bytes around a page that some systems map together with it. */
  long BROUGHT_ALONG = 1 << 16;
}
