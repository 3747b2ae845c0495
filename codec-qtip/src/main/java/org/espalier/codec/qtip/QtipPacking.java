package org.espalier.codec.qtip;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.codec.Packing;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.TileGrid;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;

/**
 * How a bank is written. The codes of a tile are its block without the scale: the start state s₀,
 * then the codes c₁ … c₁₂₇.
 *
 * @param shape one that {@link QtipTensors#holds}
 */
record QtipPacking(LinearShape shape) implements Packing {
  private static final StorageType F32 = new StorageType.Plain(ElementType.F32);

  @Override
  public int layout() {
    return QtipCodec.LAYOUT;
  }

  @Override
  public TileGrid grid() {
    return new TileGrid(TileBlock.SIDE, TileBlock.SIDE);
  }

  @Override
  public int codeBytes() {
    return TileBlock.BYTES - TileBlock.STATE_OFFSET;
  }

  @Override
  public Member tiles() {
    return new Member(QtipTensors.TILES, QtipTensors.TYPE, QtipTensors.matrixShape(shape));
  }

  @Override
  public int packedBytes() {
    return TileBlock.BYTES;
  }

  @Override
  public Member inputSigns() {
    return new Member(
        QtipTensors.INPUT_SIGNS, F32, QtipTensors.signShape(shape.experts(), shape.inputs()));
  }

  @Override
  public Member outputSigns() {
    return new Member(
        QtipTensors.OUTPUT_SIGNS, F32, QtipTensors.signShape(shape.experts(), shape.outputs()));
  }

  @Override
  public float storedScale(float scale) {
    return Float.float16ToFloat(Float.floatToFloat16(scale));
  }

  /**
   * As {@link Packing#pack} says; the scale is rounded to a half.
   *
   * @throws InvalidRequest when the scale is too large for a half, or not a number
   */
  @Override
  public void pack(int count, byte[] codes, float scale, MemorySegment target) {
    short half = Float.floatToFloat16(scale);
    if (!Float.isFinite(Float.float16ToFloat(half))) {
      throw new InvalidRequest(
          "QTIP_2B keeps its scales in 16 bits, up to 65504; %s does not fit".formatted(scale));
    }
    Objects.checkFromIndexSize(0, (long) count * codeBytes(), codes.length);
    Objects.checkFromIndexSize(0, (long) count * packedBytes(), target.byteSize());
    MemorySegment source = MemorySegment.ofArray(codes);
    for (int tile = 0; tile < count; tile++) {
      long at = (long) tile * TileBlock.BYTES;
      TileBlock.putScale(target, at, half);
      MemorySegment.copy(
          source, (long) tile * codeBytes(), target, at + TileBlock.STATE_OFFSET, codeBytes());
    }
  }
}
