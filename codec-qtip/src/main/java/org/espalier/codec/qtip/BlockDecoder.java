package org.espalier.codec.qtip;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.espalier.api.Offer;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.TileDecoder;

/**
 * Decodes runs of tiles straight from the file's blocks, in plain Java.
 *
 * <p>A row of a tile takes 8 states, 8r to 8r + 7, and the 4 bytes of codes at 4r hold codes 8r + 1
 * to 8r + 8. With these put most significant first behind the state that the row begins with, every
 * state of the row is a shift of one {@code long}, so none waits for the one before it.
 */
final class BlockDecoder implements TileDecoder {
  private static final ValueLayout.OfInt CODES =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final int ROW_STEPS = TileBlock.SIDE / Trellis.STEP_WEIGHTS;

  private final LinearShape shape;
  private final int tileRows;
  private final int tileColumns;
  private final MemorySegment blocks;
  private final Codebook codebook;
  private final float[] firsts;
  private final float[] seconds;

  /**
   * A decoder of one bank.
   *
   * @param blocks one block per tile, in the order experts, tile rows, tile columns
   */
  BlockDecoder(LinearShape shape, MemorySegment blocks, Codebook codebook) {
    this.shape = shape;
    this.tileRows = shape.outputs() / TileBlock.SIDE;
    this.tileColumns = shape.inputs() / TileBlock.SIDE;
    this.blocks = blocks;
    this.codebook = codebook;
    this.firsts = codebook.firsts();
    this.seconds = codebook.signedSeconds();
  }

  @Override
  public void decode(
      int expert, int tileRow, int tileColumn, int count, float[] target, int offset) {
    Objects.checkIndex(expert, shape.experts());
    Objects.checkIndex(tileRow, tileRows);
    Objects.checkFromIndexSize(tileColumn, count, tileColumns);
    Objects.checkFromIndexSize(offset, count * TileBlock.WEIGHTS, target.length);
    long tile = ((long) expert * tileRows + tileRow) * tileColumns + tileColumn;
    for (int i = 0; i < count; i++) {
      decodeTile((tile + i) * TileBlock.BYTES, target, offset + i * TileBlock.WEIGHTS);
    }
  }

  @Override
  public Set<String> bankedParts() {
    return Set.of(QtipCodec.TILES, QtipCodec.INPUT_SIGNS, QtipCodec.OUTPUT_SIGNS);
  }

  @Override
  public Offer<TileDecoder> over(int experts, Map<String, MemorySegment> parts) {
    LinearShape other = new LinearShape(experts, shape.outputs(), shape.inputs());
    MemorySegment tiles = parts.get(QtipCodec.TILES);
    long needed = other.weights() / TileBlock.WEIGHTS * TileBlock.BYTES;
    return tiles == null || tiles.byteSize() != needed
        ? Offer.declined("%d bytes of tiles are needed for %s".formatted(needed, other))
        : Offer.accepted(new BlockDecoder(other, tiles, codebook));
  }

  private void decodeTile(long at, float[] target, int offset) {
    float[] first = firsts;
    float[] second = seconds;
    float scale = TileBlock.scale(blocks, at);
    long window = TileBlock.startState(blocks, at);
    for (int row = 0; row < TileBlock.SIDE; row++) {
      int bytes = blocks.get(CODES, at + TileBlock.CODES_OFFSET + row * Integer.BYTES);
      window = window << 32 | Integer.toUnsignedLong(swapHalvesOfBytes(bytes));
      int rowOffset = offset + row * TileBlock.SIDE;
      for (int step = 0; step < ROW_STEPS; step++) {
        int state = (int) (window >>> 32 - Trellis.CODE_BITS * step);
        int entry = Trellis.signedEntry(Trellis.hash(state));
        // Masking by the length itself lets the compiler leave out the bounds check.
        target[rowOffset + 2 * step] = scale * first[entry & first.length - 1];
        target[rowOffset + 2 * step + 1] = scale * second[entry & second.length - 1];
      }
    }
  }

  /** In a byte the first code is the low half; the window wants the first code on top. */
  private static int swapHalvesOfBytes(int bytes) {
    return (bytes & 0x0F0F0F0F) << 4 | bytes >>> 4 & 0x0F0F0F0F;
  }
}
