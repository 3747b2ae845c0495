package org.espalier.backend.cpu.generic;

import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.TileDecoder;
import org.espalier.backend.cpu.numeric.Products;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.KernelInput;
import org.espalier.backend.cpu.spi.Scratch;

/**
 * Runs any codec: decodes runs of tiles, lays them out as rows, multiplies. Each tile is decoded
 * once for all rows of a call.
 */
final class GenericKernel implements CpuKernel {
  private static final int PANEL_FLOATS = 8 * 1024;

  private final LinearShape shape;
  private final TileDecoder core;
  private final int tileRows;
  private final int tileColumns;
  private final int runTiles;

  GenericKernel(LinearShape shape, LinearForm.Tiled tiled) {
    this.shape = shape;
    this.core = tiled.core();
    this.tileRows = tiled.grid().rows();
    this.tileColumns = tiled.grid().columns();
    this.runTiles = Math.clamp(PANEL_FLOATS / tiled.grid().size(), 1, shape.inputs() / tileColumns);
  }

  @Override
  public String name() {
    return "generic";
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
    return tileRows;
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
    int tile = tileRows * tileColumns;
    int columns = shape.inputs() / tileColumns;
    int panelSize = runTiles * tile;
    float[] memory = scratch.floats(2 * panelSize + Products.WORK_FLOATS);
    for (int o = fromOutput; o < toOutput; o += tileRows) {
      for (int c = 0; c < columns; c += runTiles) {
        int run = Math.min(runTiles, columns - c);
        core.decode(expert, o / tileRows, c, run, memory, panelSize);
        int width = run * tileColumns;
        for (int t = 0; t < run; t++) {
          for (int r = 0; r < tileRows; r++) {
            System.arraycopy(
                memory,
                panelSize + t * tile + r * tileColumns,
                memory,
                r * width + t * tileColumns,
                tileColumns);
          }
        }
        Products.multiply(
            memory,
            0,
            width,
            tileRows,
            width,
            input.floats(),
            firstRow * input.floatsPerRow() + c * tileColumns,
            input.floatsPerRow(),
            rows,
            y,
            yOffset + o,
            yStride,
            c > 0,
            memory,
            2 * panelSize);
      }
    }
  }
}
