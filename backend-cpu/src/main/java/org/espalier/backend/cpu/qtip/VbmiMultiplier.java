package org.espalier.backend.cpu.qtip;

import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.BITWISE_BLEND;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.LT;
import static jdk.incubator.vector.VectorOperators.NEG;
import static jdk.incubator.vector.VectorOperators.XOR;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;
import org.espalier.backend.cpu.numeric.MappedMemory;

/**
 * Multiplies with AVX-512 VBMI, whose permutations of bytes look 64 indices up in a table of 128.
 *
 * <p>Each step is a method of its own with one short loop. C2 compiles each with all tables in
 * registers and leaves nothing boxed; in one method they would spill, and with the steps of a tile
 * in one chain of dependencies the CPU would wait. Intermediate results stay in the first cache.
 *
 * <p>Sums that a loop carries are arguments, {@code x.add(sum)}, never {@code sum.add(x)}: C2 knows
 * the exact class of what was just computed, but that of a sum only if a profile tells it. Without
 * one it calls the method, on objects.
 */
final class VbmiMultiplier implements ByteMultiplier {
  private static final VectorSpecies<Byte> BYTES = ByteVector.SPECIES_512;
  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_512;
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_512;
  private static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

  /** Two vectors of bytes for each of two passes. */
  private static final int TILE_WORK = 256;

  private final byte[] tables;

  VbmiMultiplier(ByteCodebook codebook) {
    this.tables = codebook.tables();
  }

  @Override
  public int workBytes() {
    return ByteActivations.GROUP_TILES * TILE_WORK;
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
    if (hash(blocks, blocksOffset, tiles, tables, work) != 0) {
      return false;
    }
    if (rows == 1) {
      multiply(work, tiles, tables, x, xOffset, scales[scalesOffset], sums, 0);
      return true;
    }
    lookUp(work, tiles, tables);
    int row = 0;
    for (; row + 2 <= rows; row += 2) {
      multiplyTwo(
          work,
          tiles,
          x,
          xOffset + row * xStride,
          xOffset + (row + 1) * xStride,
          scales[scalesOffset + row * scalesStride],
          scales[scalesOffset + (row + 1) * scalesStride],
          sums,
          row * QtipCore.TILE);
    }
    if (row < rows) {
      multiplyOne(
          work,
          tiles,
          x,
          xOffset + row * xStride,
          scales[scalesOffset + row * scalesStride],
          sums,
          row * QtipCore.TILE);
    }
    return true;
  }

  /**
   * Hashes all states. For each pass two vectors are stored: the upper bytes of the hashes (a sign
   * and seven bits of the index) and the lower (two bits of the index, and six that mean nothing).
   * Lane 2 j of a pass is state 4 j, then 4 j + 2; lane 2 j + 1 the state after it.
   *
   * @return 0 if the scales of all blocks are the same
   */
  private static int hash(
      MemorySegment blocks, long offset, int tiles, byte[] tables, byte[] work) {
    MappedMemory.touch(blocks, offset); // first, while C2 still inlines what is not forced on it
    ByteVector first = ByteVector.fromArray(BYTES, tables, ByteCodebook.FIRST_WINDOW);
    ByteVector second = ByteVector.fromArray(BYTES, tables, ByteCodebook.SECOND_WINDOW);
    ByteVector upper = ByteVector.fromArray(BYTES, tables, ByteCodebook.UPPER_BYTES);
    ByteVector lower = ByteVector.fromArray(BYTES, tables, ByteCodebook.LOWER_BYTES);
    IntVector upperNibbles = IntVector.broadcast(INTS, 0xF0F0F0F0);
    IntVector lastNibble = IntVector.broadcast(INTS, 0x000F000F);
    ByteVector firstHead =
        ByteVector.fromMemorySegment(BYTES, blocks, offset, ByteOrder.LITTLE_ENDIAN);
    ByteVector differences = ByteVector.zero(BYTES);
    for (int tile = 0; tile < tiles; tile++) {
      long at = offset + (long) tile * QtipCore.BLOCK_BYTES;
      ByteVector head = ByteVector.fromMemorySegment(BYTES, blocks, at, ByteOrder.LITTLE_ENDIAN);
      differences = head.lanewise(XOR, firstHead).or(differences);
      IntVector codes =
          ByteVector.fromMemorySegment(BYTES, blocks, at + 4, ByteOrder.LITTLE_ENDIAN)
              .reinterpretAsInts();
      ByteVector swapped =
          codes
              .lanewise(LSHR, 4)
              .lanewise(BITWISE_BLEND, codes.lanewise(LSHL, 4), upperNibbles)
              .reinterpretAsBytes();
      // Every other state begins on a byte of the codes; the next has one more nibble.
      IntVector w0 = first.selectFrom(swapped, head).reinterpretAsInts();
      IntVector w2 = second.selectFrom(swapped, head).reinterpretAsInts();
      ShortVector s0 = w0.reinterpretAsShorts();
      ShortVector s1 =
          w0.lanewise(LSHL, 4).lanewise(BITWISE_BLEND, codes, lastNibble).reinterpretAsShorts();
      ShortVector s2 = w2.reinterpretAsShorts();
      ShortVector s3 =
          w2.lanewise(LSHL, 4)
              .lanewise(BITWISE_BLEND, codes.lanewise(LSHR, 8), lastNibble)
              .reinterpretAsShorts();
      ByteVector h0 = s0.mul(s0).add(s0).reinterpretAsBytes();
      ByteVector h1 = s1.mul(s1).add(s1).reinterpretAsBytes();
      ByteVector h2 = s2.mul(s2).add(s2).reinterpretAsBytes();
      ByteVector h3 = s3.mul(s3).add(s3).reinterpretAsBytes();
      upper.selectFrom(h0, h1).intoArray(work, tile * TILE_WORK);
      lower.selectFrom(h0, h1).intoArray(work, tile * TILE_WORK + 64);
      upper.selectFrom(h2, h3).intoArray(work, tile * TILE_WORK + 128);
      lower.selectFrom(h2, h3).intoArray(work, tile * TILE_WORK + 192);
    }
    return differences.reinterpretAsShorts().lane(0);
  }

  /** Looks hashes up and multiplies at once, for a single row. */
  private static void multiply(
      byte[] work,
      int tiles,
      byte[] tables,
      byte[] x,
      int xOffset,
      float scale,
      float[] sums,
      int sumsOffset) {
    ByteVector a0 = ByteVector.fromArray(BYTES, tables, 0);
    ByteVector a1 = ByteVector.fromArray(BYTES, tables, 64);
    ByteVector a2 = ByteVector.fromArray(BYTES, tables, 128);
    ByteVector a3 = ByteVector.fromArray(BYTES, tables, 192);
    ByteVector a4 = ByteVector.fromArray(BYTES, tables, 256);
    ByteVector a5 = ByteVector.fromArray(BYTES, tables, 320);
    ByteVector a6 = ByteVector.fromArray(BYTES, tables, 384);
    ByteVector a7 = ByteVector.fromArray(BYTES, tables, 448);
    ByteVector b0 = ByteVector.fromArray(BYTES, tables, 512);
    ByteVector b1 = ByteVector.fromArray(BYTES, tables, 576);
    ByteVector b2 = ByteVector.fromArray(BYTES, tables, 640);
    ByteVector b3 = ByteVector.fromArray(BYTES, tables, 704);
    ByteVector b4 = ByteVector.fromArray(BYTES, tables, 768);
    ByteVector b5 = ByteVector.fromArray(BYTES, tables, 832);
    ByteVector b6 = ByteVector.fromArray(BYTES, tables, 896);
    ByteVector b7 = ByteVector.fromArray(BYTES, tables, 960);
    ByteVector zero = ByteVector.zero(BYTES);
    IntVector all = IntVector.zero(INTS);
    IntVector odd = IntVector.zero(INTS);
    for (int pass = 0; pass < 2 * tiles; pass++) {
      ByteVector index = ByteVector.fromArray(BYTES, work, pass * 128);
      ByteVector choice = ByteVector.fromArray(BYTES, work, pass * 128 + 64);
      int at = xOffset + pass * 20;
      VectorMask<Byte> sign = index.compare(LT, zero);
      VectorMask<Byte> bit7 = choice.compare(LT, zero);
      VectorMask<Byte> bit6 = choice.add(choice).compare(LT, zero);
      ShortVector u =
          index
              .selectFrom(a0, a1)
              .blend(index.selectFrom(a2, a3), bit6)
              .blend(index.selectFrom(a4, a5).blend(index.selectFrom(a6, a7), bit6), bit7)
              .reinterpretAsShorts();
      ShortVector v =
          index
              .selectFrom(b0, b1)
              .blend(index.selectFrom(b2, b3), bit6)
              .blend(index.selectFrom(b4, b5).blend(index.selectFrom(b6, b7), bit6), bit7)
              .lanewise(NEG, sign)
              .reinterpretAsShorts();
      IntVector sum =
          u.mul(IntVector.broadcast(INTS, (int) INT.get(x, at + 4)).reinterpretAsShorts())
              .add(v.mul(IntVector.broadcast(INTS, (int) INT.get(x, at + 8)).reinterpretAsShorts()))
              .add(
                  u.lanewise(LSHR, 8)
                      .mul(
                          IntVector.broadcast(INTS, (int) INT.get(x, at + 12))
                              .reinterpretAsShorts()))
              .add(
                  v.lanewise(LSHR, 8)
                      .mul(
                          IntVector.broadcast(INTS, (int) INT.get(x, at + 16))
                              .reinterpretAsShorts()))
              .add(IntVector.broadcast(INTS, (int) INT.get(x, at)).reinterpretAsShorts())
              .reinterpretAsInts();
      all = sum.add(all);
      odd = sum.lanewise(ASHR, 16).add(odd);
    }
    int excess = 2 * 32768 * tiles;
    ((FloatVector) all.sub(odd.lanewise(LSHL, 16)).add(odd).sub(excess).convert(I2F, 0))
        .mul(scale)
        .add(FloatVector.fromArray(FLOATS, sums, sumsOffset))
        .intoArray(sums, sumsOffset);
  }

  /** Replaces hashes by weights: first components, then second ones, 128 too high. */
  private static void lookUp(byte[] work, int tiles, byte[] tables) {
    ByteVector a0 = ByteVector.fromArray(BYTES, tables, 0);
    ByteVector a1 = ByteVector.fromArray(BYTES, tables, 64);
    ByteVector a2 = ByteVector.fromArray(BYTES, tables, 128);
    ByteVector a3 = ByteVector.fromArray(BYTES, tables, 192);
    ByteVector a4 = ByteVector.fromArray(BYTES, tables, 256);
    ByteVector a5 = ByteVector.fromArray(BYTES, tables, 320);
    ByteVector a6 = ByteVector.fromArray(BYTES, tables, 384);
    ByteVector a7 = ByteVector.fromArray(BYTES, tables, 448);
    ByteVector b0 = ByteVector.fromArray(BYTES, tables, 512);
    ByteVector b1 = ByteVector.fromArray(BYTES, tables, 576);
    ByteVector b2 = ByteVector.fromArray(BYTES, tables, 640);
    ByteVector b3 = ByteVector.fromArray(BYTES, tables, 704);
    ByteVector b4 = ByteVector.fromArray(BYTES, tables, 768);
    ByteVector b5 = ByteVector.fromArray(BYTES, tables, 832);
    ByteVector b6 = ByteVector.fromArray(BYTES, tables, 896);
    ByteVector b7 = ByteVector.fromArray(BYTES, tables, 960);
    ByteVector zero = ByteVector.zero(BYTES);
    for (int pass = 0; pass < 2 * tiles; pass++) {
      ByteVector index = ByteVector.fromArray(BYTES, work, pass * 128);
      ByteVector choice = ByteVector.fromArray(BYTES, work, pass * 128 + 64);
      VectorMask<Byte> sign = index.compare(LT, zero);
      VectorMask<Byte> bit7 = choice.compare(LT, zero);
      VectorMask<Byte> bit6 = choice.add(choice).compare(LT, zero);
      index
          .selectFrom(a0, a1)
          .blend(index.selectFrom(a2, a3), bit6)
          .blend(index.selectFrom(a4, a5).blend(index.selectFrom(a6, a7), bit6), bit7)
          .intoArray(work, pass * 128);
      index
          .selectFrom(b0, b1)
          .blend(index.selectFrom(b2, b3), bit6)
          .blend(index.selectFrom(b4, b5).blend(index.selectFrom(b6, b7), bit6), bit7)
          .lanewise(NEG, sign)
          .intoArray(work, pass * 128 + 64);
    }
  }

  /** Multiplies weights that {@link #lookUp} left by one row. */
  private static void multiplyOne(
      byte[] work, int tiles, byte[] x, int xOffset, float scale, float[] sums, int sumsOffset) {
    IntVector all = IntVector.zero(INTS);
    IntVector odd = IntVector.zero(INTS);
    for (int pass = 0; pass < 2 * tiles; pass++) {
      ShortVector u = ByteVector.fromArray(BYTES, work, pass * 128).reinterpretAsShorts();
      ShortVector v = ByteVector.fromArray(BYTES, work, pass * 128 + 64).reinterpretAsShorts();
      IntVector sum =
          products(u, v, u.lanewise(LSHR, 8), v.lanewise(LSHR, 8), x, xOffset + pass * 20);
      all = sum.add(all);
      odd = sum.lanewise(ASHR, 16).add(odd);
    }
    int excess = 2 * 32768 * tiles;
    ((FloatVector) all.sub(odd.lanewise(LSHL, 16)).add(odd).sub(excess).convert(I2F, 0))
        .mul(scale)
        .add(FloatVector.fromArray(FLOATS, sums, sumsOffset))
        .intoArray(sums, sumsOffset);
  }

  /** Multiplies weights that {@link #lookUp} left by two rows. */
  private static void multiplyTwo(
      byte[] work,
      int tiles,
      byte[] x,
      int x0,
      int x1,
      float scale0,
      float scale1,
      float[] sums,
      int sumsOffset) {
    IntVector all0 = IntVector.zero(INTS);
    IntVector all1 = IntVector.zero(INTS);
    IntVector odd0 = IntVector.zero(INTS);
    IntVector odd1 = IntVector.zero(INTS);
    for (int pass = 0; pass < 2 * tiles; pass++) {
      ShortVector u = ByteVector.fromArray(BYTES, work, pass * 128).reinterpretAsShorts();
      ShortVector v = ByteVector.fromArray(BYTES, work, pass * 128 + 64).reinterpretAsShorts();
      ShortVector uUpper = u.lanewise(LSHR, 8);
      ShortVector vUpper = v.lanewise(LSHR, 8);
      IntVector sum = products(u, v, uUpper, vUpper, x, x0 + pass * 20);
      all0 = sum.add(all0);
      odd0 = sum.lanewise(ASHR, 16).add(odd0);
      sum = products(u, v, uUpper, vUpper, x, x1 + pass * 20);
      all1 = sum.add(all1);
      odd1 = sum.lanewise(ASHR, 16).add(odd1);
    }
    int excess = 2 * 32768 * tiles;
    ((FloatVector) all0.sub(odd0.lanewise(LSHL, 16)).add(odd0).sub(excess).convert(I2F, 0))
        .mul(scale0)
        .add(FloatVector.fromArray(FLOATS, sums, sumsOffset))
        .intoArray(sums, sumsOffset);
    ((FloatVector) all1.sub(odd1.lanewise(LSHL, 16)).add(odd1).sub(excess).convert(I2F, 0))
        .mul(scale1)
        .add(FloatVector.fromArray(FLOATS, sums, sumsOffset + QtipCore.TILE))
        .intoArray(sums, sumsOffset + QtipCore.TILE);
  }

  /** Products of one pass; the even halves are 32768 too high. */
  private static IntVector products(
      ShortVector u, ShortVector v, ShortVector uUpper, ShortVector vUpper, byte[] x, int at) {
    return u.mul(IntVector.broadcast(INTS, (int) INT.get(x, at + 4)).reinterpretAsShorts())
        .add(v.mul(IntVector.broadcast(INTS, (int) INT.get(x, at + 8)).reinterpretAsShorts()))
        .add(uUpper.mul(IntVector.broadcast(INTS, (int) INT.get(x, at + 12)).reinterpretAsShorts()))
        .add(vUpper.mul(IntVector.broadcast(INTS, (int) INT.get(x, at + 16)).reinterpretAsShorts()))
        .add(IntVector.broadcast(INTS, (int) INT.get(x, at)).reinterpretAsShorts())
        .reinterpretAsInts();
  }
}
