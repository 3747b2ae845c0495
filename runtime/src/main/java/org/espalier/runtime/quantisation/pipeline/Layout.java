package org.espalier.runtime.quantisation.pipeline;

import org.espalier.api.codec.BlockQuantizer;
import org.espalier.api.codec.Packing;

/** How the matrices of an operator are stored once they are quantised. */
sealed interface Layout {
  /** Bytes of the result of one matrix. */
  long resultBytes(int rows, int columns);

  /** In tiles between two rotations. */
  record Tiles(Packing packing) implements Layout {
    @Override
    public long resultBytes(int rows, int columns) {
      return tiles(rows, columns) * packing.codeBytes();
    }

    /** Bytes of one matrix in the file. */
    long fileBytes(int rows, int columns) {
      return tiles(rows, columns) * packing.packedBytes();
    }

    private long tiles(int rows, int columns) {
      return (long) (rows / packing.grid().rows()) * (columns / packing.grid().columns());
    }
  }

  /** In blocks of single rows, which stand in the file as they are found. */
  record Blocks(BlockQuantizer quantizer) implements Layout {
    @Override
    public long resultBytes(int rows, int columns) {
      return (long) rows * (columns / quantizer.size()) * quantizer.bytes();
    }
  }
}
