package org.espalier.runtime.quantisation;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.espalier.api.Offer;
import org.espalier.api.codec.Packing;
import org.espalier.api.codec.TileQuantizer;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.TileGrid;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;

/** A codec for tests: every value of a tile rounded to one of 16 levels, one byte each. */
record ScalarTiles(TileGrid grid) implements TileQuantizer {
  private static final float STEP = 0.3f;

  @Override
  public CodecId codec() {
    return new CodecId("scalar");
  }

  @Override
  public String name() {
    return "scalar";
  }

  @Override
  public int preference() {
    return 0;
  }

  @Override
  public int codeBytes() {
    return grid.size();
  }

  @Override
  public Offer<Search> newSearch() {
    return Offer.accepted((targets, count, codes, reconstruction) -> {
      for (int i = 0; i < count * grid.size(); i++) {
        codes[i] = (byte) Math.clamp(Math.floor(targets[i] / STEP), -8, 7);
        reconstruction[i] = decode(codes[i]);
      }
    });
  }

  static float decode(byte code) {
    return STEP * (code + 0.5f);
  }

  /** How its tiles would be packed, if scales were kept as whole multiples of 2⁻¹⁶. */
  Packing packing(int outputs, int inputs) {
    return new ScalarPacking(new LinearShape(1, outputs, inputs), grid);
  }

  private record ScalarPacking(LinearShape shape, TileGrid grid) implements Packing {
    @Override
    public int codeBytes() {
      return grid.size();
    }

    @Override
    public float storedScale(float scale) {
      return Math.round(scale * 65536) / 65536f;
    }

    @Override
    public Member tiles() {
      return signs("weight");
    }

    @Override
    public int packedBytes() {
      return grid.size() + Float.BYTES;
    }

    @Override
    public Member inputSigns() {
      return signs("input");
    }

    @Override
    public Member outputSigns() {
      return signs("output");
    }

    private static Member signs(String name) {
      return new Member(name, new StorageType.Plain(ElementType.F32), List.of(1L));
    }

    @Override
    public void pack(int count, byte[] codes, float scale, MemorySegment target) {
      throw new UnsupportedOperationException("nothing is written in these tests");
    }
  }
}
