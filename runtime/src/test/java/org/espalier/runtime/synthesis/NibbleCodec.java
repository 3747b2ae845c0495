package org.espalier.runtime.synthesis;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import org.espalier.api.Offer;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.Packing;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.Rotation;
import org.espalier.api.linear.TileDecoder;
import org.espalier.api.linear.TileGrid;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;

/** A toy codec: tiles of 2 × 8, each a float scale and 16 nibbles that count in steps of 3. */
final class NibbleCodec implements Codec {
  private static final TileGrid GRID = new TileGrid(2, 8);
  private static final int CODE_BYTES = 8;
  private static final int PACKED_BYTES = 12;
  private static final StorageType TYPE = new StorageType.Block("toy", 1, "nibbles");
  private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED;

  boolean reads = true;

  @Override
  public CodecId id() {
    return new CodecId("nibble");
  }

  @Override
  public String description() {
    return "a toy";
  }

  @Override
  public Offer<EncodedLinear> claim(TensorGroup group) {
    if (!reads) {
      return Offer.declined("it has forgotten how");
    }
    LinearShape shape = group.shape();
    MemorySegment tiles = group.members().get("codes").bytes();
    int rows = shape.outputs() / GRID.rows();
    int columns = shape.inputs() / GRID.columns();
    TileDecoder decoder =
        (expert, tileRow, tileColumn, count, target, offset) -> {
          for (int tile = 0; tile < count; tile++) {
            long at =
                (((long) expert * rows + tileRow) * columns + tileColumn + tile) * PACKED_BYTES;
            for (int i = 0; i < GRID.size(); i++) {
              int nibble =
                  tiles.get(ValueLayout.JAVA_BYTE, at + 4 + i / 2) >> (i % 2 == 0 ? 0 : 4) & 15;
              target[offset + tile * GRID.size() + i] = tiles.get(F32, at) * 3 * (nibble - 7.5f);
            }
          }
        };
    LinearForm form =
        new LinearForm.Tiled(new Rotation.Identity(), GRID, decoder, new Rotation.Identity());
    return Offer.accepted(new EncodedLinear(group.id(), id(), 0, shape, form, Map.of()));
  }

  @Override
  public Offer<Packing> packing(LinearShape shape) {
    return shape.outputs() % 2 == 0 && shape.inputs() % 8 == 0
        ? Offer.accepted(new NibblePacking(shape))
        : Offer.declined("inputs must be a multiple of 8");
  }

  private record NibblePacking(LinearShape shape) implements Packing {
    @Override
    public TileGrid grid() {
      return GRID;
    }

    @Override
    public int codeBytes() {
      return CODE_BYTES;
    }

    @Override
    public Member tiles() {
      return new Member(
          "codes",
          TYPE,
          List.of((long) shape.experts(), (long) shape.outputs(), (long) shape.inputs()));
    }

    @Override
    public int packedBytes() {
      return PACKED_BYTES;
    }

    @Override
    public Member inputSigns() {
      return signs("right", shape.inputs());
    }

    @Override
    public Member outputSigns() {
      return signs("left", shape.outputs());
    }

    private Member signs(String name, int count) {
      return new Member(
          name,
          new StorageType.Plain(ElementType.F32),
          List.of((long) shape.experts(), (long) count));
    }

    @Override
    public void pack(int count, byte[] codes, float scale, MemorySegment target) {
      for (int tile = 0; tile < count; tile++) {
        target.set(F32, (long) tile * PACKED_BYTES, scale);
        MemorySegment.copy(
            codes,
            tile * CODE_BYTES,
            target,
            ValueLayout.JAVA_BYTE,
            (long) tile * PACKED_BYTES + 4,
            CODE_BYTES);
      }
    }
  }
}
