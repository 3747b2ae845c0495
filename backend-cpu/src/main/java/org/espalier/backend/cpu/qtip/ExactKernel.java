package org.espalier.backend.cpu.qtip;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.espalier.backend.cpu.numeric.Fused;
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
    byte[] stream = scratch.bytes(PANEL_TILES * QtipCore.BLOCK_BYTES);
    int[] indices = scratch.ints(PANEL_TILES * QtipCore.PAIRS);
    float[] floats = scratch.floats(PANEL_FLOATS + rows * SUMS);
    for (int output = fromOutput; output < toOutput; output += QtipCore.TILE) {
      int to = yOffset + output;
      for (int row = 0; row < rows; row++) {
        Arrays.fill(y, to + row * yStride, to + row * yStride + QtipCore.TILE, 0);
      }
      Arrays.fill(floats, PANEL_FLOATS, PANEL_FLOATS + rows * SUMS, 0);
      long offset = core.rowOffset(expert, output / QtipCore.TILE);
      short scale = core.scaleBits(offset);
      for (int tile = 0; tile < core.tileColumns(); ) {
        long at = offset + (long) tile * QtipCore.BLOCK_BYTES;
        int count = core.sameScale(at, Math.min(PANEL_TILES, core.tileColumns() - tile));
        if (core.scaleBits(at) != scale) {
          addScaled(floats, scale, rows, y, to, yStride);
          Arrays.fill(floats, PANEL_FLOATS, PANEL_FLOATS + rows * SUMS, 0);
          scale = core.scaleBits(at);
        }
        CodeStream.copy(core.tiles(), at, count, stream);
        decoder.decode(stream, count, indices, floats);
        multiplier.accumulate(
            floats,
            count * QtipCore.TILE / 2,
            input.bytes(),
            firstRow * input.bytesPerRow() + tile * QtipCore.TILE * Float.BYTES,
            input.bytesPerRow(),
            rows,
            floats,
            PANEL_FLOATS);
        tile += count;
      }
      addScaled(floats, scale, rows, y, to, yStride);
    }
  }

  private static void addScaled(
      float[] sums, short scaleBits, int rows, float[] y, int yOffset, int yStride) {
    float scale = Float.float16ToFloat(scaleBits);
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < QtipCore.TILE; i++) {
        int from = PANEL_FLOATS + row * SUMS + 2 * i;
        int to = yOffset + row * yStride + i;
        y[to] = Fused.multiplyAdd(scale, sums[from] + sums[from + 1], y[to]);
      }
    }
  }
}
