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
      int to = yOffset + output;
      for (int row = 0; row < rows; row++) {
        Arrays.fill(y, to + row * yStride, to + row * yStride + QtipCore.TILE, 0);
      }
      Arrays.fill(sums, 0, rows * QtipCore.TILE, 0);
      long offset = core.rowOffset(expert, output / QtipCore.TILE);
      short scale = core.scaleBits(offset);
      for (int tile = 0; tile < core.tileColumns(); ) {
        // As far as one scale of activations goes, and less where the weights' scales differ.
        int count = ByteActivations.GROUP_TILES - tile % ByteActivations.GROUP_TILES;
        count = Math.min(count, core.tileColumns() - tile);
        long at = offset + (long) tile * QtipCore.BLOCK_BYTES;
        if (core.scaleBits(at) != scale) {
          addScaled(sums, scale, rows, y, to, yStride);
          Arrays.fill(sums, 0, rows * QtipCore.TILE, 0);
          scale = core.scaleBits(at);
        }
        if (!accumulate(at, tile, count, input, firstRow, rows, sums, work)) {
          count = core.sameScale(at, count);
          accumulate(at, tile, count, input, firstRow, rows, sums, work);
        }
        tile += count;
      }
      addScaled(sums, scale, rows, y, to, yStride);
    }
  }

  private boolean accumulate(
      long offset,
      int tile,
      int tiles,
      KernelInput input,
      int firstRow,
      int rows,
      float[] sums,
      byte[] work) {
    return multiplier.accumulate(
        core.tiles(),
        offset,
        tiles,
        input.bytes(),
        firstRow * input.bytesPerRow() + tile * ByteActivations.TILE_BYTES,
        input.bytesPerRow(),
        rows,
        input.floats(),
        firstRow * input.floatsPerRow() + tile / ByteActivations.GROUP_TILES,
        input.floatsPerRow(),
        sums,
        work);
  }

  private void addScaled(
      float[] sums, short scaleBits, int rows, float[] y, int yOffset, int yStride) {
    float scale = codebook.step() * Float.float16ToFloat(scaleBits);
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < QtipCore.TILE; i++) {
        y[yOffset + row * yStride + i] += scale * sums[row * QtipCore.TILE + i];
      }
    }
  }
}
