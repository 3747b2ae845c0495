package org.espalier.examples.codec;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.espalier.api.Offer;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.TileDecoder;
import org.espalier.api.linear.TileGrid;

/** Decodes runs of tiles; a tile is a piece of one row. */
final class RowDecoder implements TileDecoder {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final LinearShape shape;
  private final TileGrid grid;
  private final int width;
  private final MemorySegment codes;
  private final MemorySegment scales;

  RowDecoder(LinearShape shape, TileGrid grid, MemorySegment codes, MemorySegment scales) {
    this.shape = shape;
    this.grid = grid;
    this.width = grid.columns();
    this.codes = codes;
    this.scales = scales;
  }

  @Override
  public void decode(
      int expert, int tileRow, int tileColumn, int count, float[] target, int offset) {
    Objects.checkIndex(expert, shape.experts());
    Objects.checkIndex(tileRow, shape.outputs());
    Objects.checkFromIndexSize(tileColumn, count, shape.inputs() / width);
    long row = (long) expert * shape.outputs() + tileRow;
    float scale = scales.getAtIndex(F32, row);
    long first = row * shape.inputs() + (long) tileColumn * width;
    for (int i = 0; i < count * width; i++) {
      target[offset + i] = scale * codes.get(ValueLayout.JAVA_BYTE, first + i);
    }
  }

  @Override
  public Set<String> bankedParts() {
    return Set.of("codes", "scales");
  }

  @Override
  public Offer<TileDecoder> over(int experts, Map<String, MemorySegment> parts) {
    LinearShape other = new LinearShape(experts, shape.outputs(), shape.inputs());
    return Offer.accepted(new RowDecoder(other, grid, parts.get("codes"), parts.get("scales")));
  }
}
