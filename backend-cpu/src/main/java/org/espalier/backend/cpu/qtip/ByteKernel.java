package org.espalier.backend.cpu.qtip;

import java.util.Arrays;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.KernelInput;
import org.espalier.backend.cpu.spi.Scratch;

/**
 * Codebook rounded to bytes, activations to integers of about seven bits per 256 columns, sums
 * exact in integers. The result is off by about 1 % of its length, where the weights themselves are
 * off by 26 %.
 */
final class ByteKernel implements CpuKernel {
  private final String name;
  private final QtipCore core;
  private final ByteCodebook codebook;
  private final ByteMultiplier multiplier;

  ByteKernel(String name, QtipCore core, ByteCodebook codebook, ByteMultiplier multiplier) {
    this.name = name;
    this.core = core;
    this.codebook = codebook;
    this.multiplier = multiplier;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public int inputBytes() {
    return core.tileColumns() * ByteActivations.TILE_BYTES;
  }

  @Override
  public int inputFloats() {
    return ByteActivations.groups(core.shape().inputs());
  }

  @Override
  public int outputBlock() {
    return QtipCore.TILE;
  }

  @Override
  public void prepare(float[] x, int offset, KernelInput target, int row) {
    ByteActivations.quantize(
        x,
        offset,
        core.shape().inputs(),
        codebook.longest(),
        target.bytes(),
        row * target.bytesPerRow(),
        target.floats(),
        row * target.floatsPerRow());
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
    byte[] work = scratch.bytes(multiplier.workBytes());
    float[] sums = scratch.floats(rows * QtipCore.TILE);
    for (int output = fromOutput; output < toOutput; output += QtipCore.TILE) {
      long offset = core.rowOffset(expert, output / QtipCore.TILE);
      for (int row = 0; row < rows; row++) {
        int to = yOffset + row * yStride + output;
        Arrays.fill(y, to, to + QtipCore.TILE, 0);
      }
      for (int tile = 0; tile < core.tileColumns(); ) {
        int run = core.sameScale(offset, tile);
        Arrays.fill(sums, 0, rows * QtipCore.TILE, 0);
        accumulate(offset, tile, tile + run, input, firstRow, rows, sums, work);
        float scale =
            codebook.step()
                * Float.float16ToFloat(core.scaleBits(offset + (long) tile * QtipCore.BLOCK_BYTES));
        addScaled(sums, scale, rows, y, yOffset + output, yStride);
        tile += run;
      }
    }
  }

  /** Adds the products of a run of tiles, one scale of activations after another. */
  private void accumulate(
      long rowOffset,
      int fromTile,
      int toTile,
      KernelInput input,
      int firstRow,
      int rows,
      float[] sums,
      byte[] work) {
    for (int tile = fromTile; tile < toTile; ) {
      int group = tile / ByteActivations.GROUP_TILES;
      int end = Math.min(toTile, (group + 1) * ByteActivations.GROUP_TILES);
      multiplier.accumulate(
          core.tiles(),
          rowOffset + (long) tile * QtipCore.BLOCK_BYTES,
          end - tile,
          input.bytes(),
          firstRow * input.bytesPerRow() + tile * ByteActivations.TILE_BYTES,
          input.bytesPerRow(),
          rows,
          input.floats(),
          firstRow * input.floatsPerRow() + group,
          input.floatsPerRow(),
          sums,
          work);
      tile = end;
    }
  }

  private static void addScaled(
      float[] sums, float scale, int rows, float[] y, int yOffset, int yStride) {
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < QtipCore.TILE; i++) {
        y[yOffset + row * yStride + i] += scale * sums[row * QtipCore.TILE + i];
      }
    }
  }
}
