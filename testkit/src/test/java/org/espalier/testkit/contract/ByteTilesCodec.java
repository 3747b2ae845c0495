package org.espalier.testkit.contract;

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
import org.espalier.api.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/** A small honest codec: a tile is an F32 scale and a signed byte per weight. */
class ByteTilesCodec implements Codec {
  private static final StorageType TILES = new StorageType.Block("testkit", 1, "byte tiles");
  private static final StorageType SIGNS = new StorageType.Plain(ElementType.F32);
  private static final TileGrid GRID = new TileGrid(4, 8);
  private static final int PACKED = Float.BYTES + GRID.size();
  private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED;

  @Override
  public CodecId id() {
    return new CodecId("byte-tiles");
  }

  @Override
  public String description() {
    return "a byte per weight, a scale per tile; 9 bits per weight";
  }

  @Override
  public Offer<EncodedLinear> claim(TensorGroup group) {
    LinearShape shape = group.shape();
    long experts = shape.experts();
    @Nullable Tensor tiles = group.members().get("tiles");
    @Nullable Tensor input = group.members().get("in.signs");
    @Nullable Tensor output = group.members().get("out.signs");
    if (tiles == null || input == null || output == null) {
      return Offer.declined(group.stem() + " lacks tiles or signs");
    }
    if (!is(tiles, TILES, shape.weights() / GRID.size() * PACKED)
        || !is(input, SIGNS, experts * shape.inputs() * Float.BYTES)
        || !is(output, SIGNS, experts * shape.outputs() * Float.BYTES)) {
      return Offer.declined(group.stem() + " has members of other types or sizes");
    }
    LinearForm form =
        new LinearForm.Tiled(
            rotation(shape.outputs(), output.bytes()),
            GRID,
            decoder(shape, tiles.bytes()),
            rotation(shape.inputs(), input.bytes()));
    Map<String, MemorySegment> parts = Map.of("tiles", tiles.bytes());
    return Offer.accepted(new EncodedLinear(group.id(), id(), 1, shape, form, parts));
  }

  boolean is(Tensor tensor, StorageType type, long bytes) {
    return tensor.type().equals(type) && tensor.bytes().byteSize() == bytes;
  }

  TileDecoder decoder(LinearShape shape, MemorySegment tiles) {
    int rows = shape.outputs() / GRID.rows();
    int columns = shape.inputs() / GRID.columns();
    return (expert, row, column, count, target, offset) -> {
      for (int tile = 0; tile < count; tile++) {
        long at = (((long) expert * rows + row) * columns + column + tile) * PACKED;
        float scale = tiles.get(F32, at);
        for (int i = 0; i < GRID.size(); i++) {
          byte code = tiles.get(ValueLayout.JAVA_BYTE, at + Float.BYTES + i);
          target[offset + tile * GRID.size() + i] = scale * code;
        }
      }
    };
  }

  private static Rotation rotation(int dimension, MemorySegment signs) {
    return new Rotation.SignedHadamard(Integer.lowestOneBit(dimension), signs);
  }

  @Override
  public Offer<Packing> packing(LinearShape shape) {
    return Offer.accepted(new ByteTilesPacking(shape));
  }

  /** How the codec lays out one shape. */
  record ByteTilesPacking(LinearShape shape) implements Packing {
    @Override
    public TileGrid grid() {
      return GRID;
    }

    @Override
    public int codeBytes() {
      return GRID.size();
    }

    @Override
    public Member tiles() {
      return new Member("tiles", TILES, List.of(shape.weights()));
    }

    @Override
    public int packedBytes() {
      return PACKED;
    }

    @Override
    public Member inputSigns() {
      return new Member("in.signs", SIGNS, List.of((long) shape.experts(), (long) shape.inputs()));
    }

    @Override
    public Member outputSigns() {
      return new Member(
          "out.signs", SIGNS, List.of((long) shape.experts(), (long) shape.outputs()));
    }

    @Override
    public void pack(int count, byte[] codes, float scale, MemorySegment target) {
      for (int tile = 0; tile < count; tile++) {
        long at = (long) tile * PACKED;
        target.set(F32, at, scale);
        MemorySegment.copy(
            codes,
            tile * GRID.size(),
            target,
            ValueLayout.JAVA_BYTE,
            at + Float.BYTES,
            GRID.size());
      }
    }
  }
}
