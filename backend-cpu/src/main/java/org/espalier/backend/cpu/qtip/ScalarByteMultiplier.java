package org.espalier.backend.cpu.qtip;

import java.lang.foreign.MemorySegment;

/** One product at a time: what {@link VbmiMultiplier} is measured against and stands in for it. */
final class ScalarByteMultiplier implements ByteMultiplier {
  private final ByteCodebook codebook;

  ScalarByteMultiplier(ByteCodebook codebook) {
    this.codebook = codebook;
  }

  @Override
  public int workBytes() {
    return ByteActivations.GROUP_TILES * QtipCore.BLOCK_BYTES;
  }

  @Override
  public boolean accumulate(
      MemorySegment blocks,
      long blocksOffset,
      int tiles,
      byte[] x,
      int xOffset,
      int xStride,
      int rows,
      float[] scales,
      int scalesOffset,
      int scalesStride,
      float[] sums,
      byte[] work) {
    CodeStream.copy(blocks, blocksOffset, tiles, work);
    for (int tile = 1; tile < tiles; tile++) {
      int at = tile * QtipCore.BLOCK_BYTES;
      if (work[at] != work[0] || work[at + 1] != work[1]) {
        return false;
      }
    }
    for (int tileRow = 0; tileRow < QtipCore.TILE; tileRow++) {
      int[] totals = new int[rows];
      for (int tile = 0; tile < tiles; tile++) {
        int at = tile * QtipCore.BLOCK_BYTES;
        for (int pair = 0; pair < 8; pair++) {
          int state = state(work, at, 8 * tileRow + pair);
          int entry = PairTable.index(state);
          int first = codebook.first(entry & QtipCore.CODEBOOK_ENTRIES - 1);
          int second = codebook.second(entry & QtipCore.CODEBOOK_ENTRIES - 1);
          second = entry < QtipCore.CODEBOOK_ENTRIES ? second : -second;
          int column = tile * QtipCore.TILE + 2 * pair;
          for (int row = 0; row < rows; row++) {
            int from = xOffset + row * xStride;
            totals[row] +=
                first * ByteActivations.column(x, from, column)
                    + second * ByteActivations.column(x, from, column + 1);
          }
        }
      }
      for (int row = 0; row < rows; row++) {
        sums[row * QtipCore.TILE + tileRow] +=
            totals[row] * scales[scalesOffset + row * scalesStride];
      }
    }
    return true;
  }

  private static int state(byte[] stream, int at, int index) {
    return CodeStream.nibble(stream, at, index - 3) << 12
        | CodeStream.nibble(stream, at, index - 2) << 8
        | CodeStream.nibble(stream, at, index - 1) << 4
        | CodeStream.nibble(stream, at, index);
  }
}
