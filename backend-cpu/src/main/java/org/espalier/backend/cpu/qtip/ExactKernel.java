package org.espalier.backend.cpu.qtip;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.KernelInput;
import org.espalier.backend.cpu.spi.Scratch;

/**
 * Weights exactly as the codec defines them, products and sums in F32. A few tiles at a time are
 * decoded to a panel that stays in the first cache, then multiplied by all rows.
 *
 * <p>Sums run over even and odd columns apart, in ascending order, whatever decodes and multiplies:
 * the result is the same bit by bit for every width of vectors and any number of rows.
 */
final class ExactKernel implements CpuKernel {
  private static final VarHandle FLOAT =
      MethodHandles.byteArrayViewVarHandle(float[].class, ByteOrder.nativeOrder());

  /** Tiles per panel: 8 KiB of weights. */
  private static final int PANEL_TILES = 8;

  private static final int PANEL_FLOATS = PANEL_TILES * 256;

  /** Sums per row: 16 outputs, even and odd columns. */
  private static final int SUMS = 32;

  private final String name;
  private final QtipCore core;
  private final PanelDecoder decoder;
  private final PanelMultiplier multiplier;

  ExactKernel(String name, QtipCore core, PanelDecoder decoder, PanelMultiplier multiplier) {
    this.name = name;
    this.core = core;
    this.decoder = decoder;
    this.multiplier = multiplier;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public int inputBytes() {
    return core.shape().inputs() * Float.BYTES;
  }

  @Override
  public int inputFloats() {
    return 0;
  }

  @Override
  public int outputBlock() {
    return QtipCore.TILE;
  }

  @Override
  public void prepare(float[] x, int offset, KernelInput target, int row) {
    int to = row * target.bytesPerRow();
    for (int i = 0; i < core.shape().inputs(); i++) {
      FLOAT.set(target.bytes(), to + i * Float.BYTES, x[offset + i]);
    }
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
    byte[] stream = scratch.bytes(core.tileColumns() * QtipCore.BLOCK_BYTES + 64);
    int[] indices = scratch.ints(PANEL_TILES * QtipCore.PAIRS);
    float[] floats = scratch.floats(PANEL_FLOATS + rows * SUMS);
    for (int output = fromOutput; output < toOutput; output += QtipCore.TILE) {
      long offset = core.rowOffset(expert, output / QtipCore.TILE);
      CodeStream.copy(core.tiles(), offset, core.tileColumns(), stream);
      for (int row = 0; row < rows; row++) {
        int to = yOffset + row * yStride + output;
        Arrays.fill(y, to, to + QtipCore.TILE, 0);
      }
      for (int tile = 0; tile < core.tileColumns(); ) {
        int run = core.sameScale(offset, tile);
        Arrays.fill(floats, PANEL_FLOATS, PANEL_FLOATS + rows * SUMS, 0);
        accumulate(stream, tile, run, input, firstRow, rows, indices, floats);
        float scale =
            Float.float16ToFloat(core.scaleBits(offset + (long) tile * QtipCore.BLOCK_BYTES));
        addScaled(floats, scale, rows, y, yOffset + output, yStride);
        tile += run;
      }
    }
  }

  /** Adds the products of a run of tiles to the sums that follow the panel in {@code floats}. */
  private void accumulate(
      byte[] stream,
      int firstTile,
      int tiles,
      KernelInput input,
      int firstRow,
      int rows,
      int[] indices,
      float[] floats) {
    for (int done = 0; done < tiles; done += PANEL_TILES) {
      int count = Math.min(PANEL_TILES, tiles - done);
      decoder.decode(stream, firstTile + done, count, indices, floats);
      int column = (firstTile + done) * QtipCore.TILE;
      multiplier.accumulate(
          floats,
          count * QtipCore.TILE / 2,
          input.bytes(),
          firstRow * input.bytesPerRow() + column * Float.BYTES,
          input.bytesPerRow(),
          rows,
          floats,
          PANEL_FLOATS);
    }
  }

  private static void addScaled(
      float[] sums, float scale, int rows, float[] y, int yOffset, int yStride) {
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < QtipCore.TILE; i++) {
        int from = PANEL_FLOATS + row * SUMS + 2 * i;
        int to = yOffset + row * yStride + i;
        y[to] = Fused.multiplyAdd(scale, sums[from] + sums[from + 1], y[to]);
      }
    }
  }
}
