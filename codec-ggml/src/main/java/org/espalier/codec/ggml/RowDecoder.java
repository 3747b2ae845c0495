package org.espalier.codec.ggml;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.espalier.api.Offer;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.TileDecoder;

/** Decodes runs of blocks: a block is a tile of one row, and rows follow one another. */
final class RowDecoder implements TileDecoder {
  private final LinearShape shape;
  private final BlockType type;
  private final MemorySegment blocks;
  private final int blocksPerRow;

  /**
   * A decoder of one bank.
   *
   * @param blocks those of all rows of all experts, in order
   */
  RowDecoder(LinearShape shape, BlockType type, MemorySegment blocks) {
    this.shape = shape;
    this.type = type;
    this.blocks = blocks;
    this.blocksPerRow = shape.inputs() / type.size();
  }

  @Override
  public void decode(
      int expert, int tileRow, int tileColumn, int count, float[] target, int offset) {
    Objects.checkIndex(expert, shape.experts());
    Objects.checkIndex(tileRow, shape.outputs());
    Objects.checkFromIndexSize(tileColumn, count, blocksPerRow);
    Objects.checkFromIndexSize(offset, count * type.size(), target.length);
    long row = (long) expert * shape.outputs() + tileRow;
    long at = (row * blocksPerRow + tileColumn) * type.bytes();
    BlockDecoder decoder = type.decoder();
    for (int i = 0; i < count; i++) {
      decoder.decode(blocks, at + (long) i * type.bytes(), target, offset + i * type.size());
    }
  }

  @Override
  public Set<String> bankedParts() {
    return Set.of(GgmlCodec.BLOCKS);
  }

  @Override
  public Offer<TileDecoder> over(int experts, Map<String, MemorySegment> parts) {
    LinearShape other = new LinearShape(experts, shape.outputs(), shape.inputs());
    MemorySegment moved = parts.get(GgmlCodec.BLOCKS);
    long needed = other.weights() / type.size() * type.bytes();
    return moved == null || moved.byteSize() != needed
        ? Offer.declined("%d bytes of blocks are needed for %s".formatted(needed, other))
        : Offer.accepted(new RowDecoder(other, type, moved));
  }
}
