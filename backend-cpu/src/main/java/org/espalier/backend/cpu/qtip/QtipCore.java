package org.espalier.backend.cpu.qtip;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.espalier.api.Offer;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.TileGrid;

/**
 * The core of a bank of qtip linears as kernels read it.
 *
 * <p>A block of 68 bytes is a tile of 16 × 16 weights: a half-precision scale, the first trellis
 * state (16 bits), and 127 codes of 4 bits, low nibble first. State j is made of the last four
 * codes up to code j and gives the weights 2j and 2j + 1 of the tile, counted row by row. Blocks of
 * one row of tiles lie side by side.
 *
 * @param tiles all blocks: [experts × rows of tiles × columns of tiles × 68 bytes]
 * @param codebook 512 pairs
 * @param shape of the bank; outputs and inputs are multiples of 16
 */
record QtipCore(MemorySegment tiles, float[] codebook, LinearShape shape) {
  static final int TILE = 16;
  static final int BLOCK_BYTES = 68;

  /** States of a tile; each gives a pair of neighbouring weights. */
  static final int PAIRS = TILE * TILE / 2;

  static final int CODEBOOK_ENTRIES = 512;

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** The core of {@code linear}, or why these kernels cannot read it. */
  static Offer<QtipCore> of(EncodedLinear linear) {
    if (!linear.codec().value().equals("qtip")) {
      return Offer.declined("made for codec qtip, not " + linear.codec());
    }
    if (linear.layout() != 1) {
      return Offer.declined("knows layout 1 of codec qtip, not " + linear.layout());
    }
    if (!(linear.form() instanceof LinearForm.Tiled tiled)
        || !tiled.grid().equals(new TileGrid(TILE, TILE))) {
      return Offer.declined("needs tiles of 16 × 16");
    }
    LinearShape shape = linear.shape();
    MemorySegment tiles = linear.parts().get("tiles");
    MemorySegment codebook = linear.parts().get("codebook");
    if (shape.outputs() % TILE != 0 || shape.inputs() % TILE != 0) {
      return Offer.declined("needs multiples of 16 outputs and inputs, not " + shape);
    }
    long blocks = shape.weights() / (TILE * TILE);
    if (tiles == null || tiles.byteSize() != blocks * BLOCK_BYTES) {
      return Offer.declined("needs a part \"tiles\" of " + blocks + " blocks of 68 bytes");
    }
    if (codebook == null || codebook.byteSize() != CODEBOOK_ENTRIES * 2L * Float.BYTES) {
      return Offer.declined("needs a part \"codebook\" of 512 × 2 floats");
    }
    float[] values = new float[2 * CODEBOOK_ENTRIES];
    for (int i = 0; i < values.length; i++) {
      values[i] = codebook.get(FLOAT, (long) i * Float.BYTES);
    }
    return Offer.accepted(new QtipCore(tiles, values, shape));
  }

  int tileRows() {
    return shape.outputs() / TILE;
  }

  int tileColumns() {
    return shape.inputs() / TILE;
  }

  /** Where the first block of a row of tiles begins in {@link #tiles}. */
  long rowOffset(int expert, int tileRow) {
    return ((long) expert * tileRows() + tileRow) * tileColumns() * BLOCK_BYTES;
  }

  /** The bits of the half-precision scale of the block at {@code offset}. */
  short scaleBits(long offset) {
    return tiles.get(SHORT, offset);
  }

  /**
   * How many of {@code tiles} blocks from {@code offset} on have the scale of the first, bit by
   * bit, without another between them. At least 1.
   */
  int sameScale(long offset, int tiles) {
    short bits = scaleBits(offset);
    int count = 1;
    while (count < tiles && scaleBits(offset + (long) count * BLOCK_BYTES) == bits) {
      count++;
    }
    return count;
  }
}
