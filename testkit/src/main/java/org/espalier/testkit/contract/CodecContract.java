package org.espalier.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.espalier.api.EspalierException;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.codec.BlockQuantizer;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.Packing;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.linear.TileDecoder;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;
import org.espalier.testkit.fixture.RandomTensors;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * What every codec must hold to: it claims its own and nothing else, decodes runs of tiles as it
 * decodes single ones, and reads what it packs.
 */
public abstract class CodecContract {
  /** Written where a decoder has no business. */
  private static final float UNTOUCHED = Float.NaN;

  private static final StorageType UNKNOWN = new StorageType.Block("nobody", 9999, "type 9999");

  /** For authors to extend. */
  protected CodecContract() {}

  /** The codec under test. */
  protected abstract Codec codec();

  /**
   * Small groups that it must claim, without members that it does not need: at least one bank of
   * several experts and one plain matrix, if it can hold both. {@link RandomTensors#packed} makes
   * them for codecs that pack.
   */
  protected abstract List<TensorGroup> own();

  /** Groups of others that look most like its own, besides those that the contract makes up. */
  protected List<TensorGroup> foreign() {
    return List.of();
  }

  /** It says what it is. */
  @Test
  public void namesItself() {
    assertEquals(codec().id(), codec().id(), "the name does not change");
    assertFalse(codec().description().isBlank());
  }

  /** What is its own it claims, under its name and for the operator that was asked for. */
  @TestFactory
  public Stream<DynamicTest> claimsItsOwn() {
    return forEachOwn(group -> {
      EncodedLinear linear = claimed(group);
      assertEquals(codec().id(), linear.codec());
      assertEquals(group.id(), linear.id());
      assertEquals(group.shape(), linear.shape());
      if (linear.form() instanceof LinearForm.Tiled tiled) {
        assertEquals(0, group.shape().outputs() % tiled.grid().rows(), "rows left over");
        assertEquals(0, group.shape().inputs() % tiled.grid().columns(), "columns left over");
      }
      assertTrue(linear.bytes() > 0, "the raw parts, or the weights, have bytes");
    });
  }

  /** What belongs to others, or to nobody, it declines in words. */
  @TestFactory
  public Stream<DynamicTest> declinesOthers() {
    Stream<DynamicTest> named =
        foreign().stream().map(group -> NamedTest.of(group.stem(), () -> assertDeclined(group)));
    return Stream.concat(named, forEachOwn(this::declinesWhatOnlyResembles));
  }

  private void declinesWhatOnlyResembles(TensorGroup group) {
    LinearShape shape = group.shape();
    assertDeclined(new TensorGroup(group.id(), group.stem(), shape, Map.of()));
    Tensor plain =
        new RandomTensors(1)
            .plain(
                group.stem() + ".weight",
                ElementType.F32,
                shape.experts(),
                shape.outputs(),
                shape.inputs());
    assertDeclined(new TensorGroup(group.id(), group.stem(), shape, Map.of("weight", plain)));
    LinearShape doubled = new LinearShape(shape.experts(), 2 * shape.outputs(), 2 * shape.inputs());
    assertDeclined(new TensorGroup(group.id(), group.stem(), doubled, group.members()));
    group
        .members()
        .forEach((suffix, member) -> assertDeclined(with(group, suffix, retyped(member))));
  }

  /** A member with too few bytes makes it decline, or say that the file is broken. */
  @TestFactory
  public Stream<DynamicTest> declinesTruncatedMembers() {
    return forEachOwn(group ->
        group
            .members()
            .forEach((suffix, member) -> {
              long size = member.bytes().byteSize();
              for (long left : new long[] {0, 1, size / 2, size - 1}) {
                assertDeclined(with(group, suffix, cut(member, left)));
              }
            }));
  }

  /**
   * A run of tiles is what its tiles are one by one, wherever it begins and whatever the offset.
   */
  @TestFactory
  public Stream<DynamicTest> runsEqualSingleTiles() {
    return forEachOwn(group -> {
      if (claimed(group).form() instanceof LinearForm.Tiled tiled) {
        forEachTileRow(
            group.shape(), tiled, (expert, row) -> assertRuns(group, tiled, expert, row));
      }
    });
  }

  private static void assertRuns(TensorGroup group, LinearForm.Tiled tiled, int expert, int row) {
    int size = tiled.grid().size();
    int columns = group.shape().inputs() / tiled.grid().columns();
    float[] singles = new float[columns * size];
    for (int column = 0; column < columns; column++) {
      tiled.core().decode(expert, row, column, 1, singles, column * size);
    }
    for (float value : singles) {
      assertTrue(Float.isFinite(value), "a decoded value is finite");
    }
    for (int from = 0; from < columns; from++) {
      for (int count = 1; from + count <= columns; count++) {
        int offset = from + 3;
        float[] run = new float[offset + count * size + 5];
        Arrays.fill(run, UNTOUCHED);
        tiled.core().decode(expert, row, from, count, run, offset);
        String what = "run of %d tiles from (%d, %d, %d)".formatted(count, expert, row, from);
        assertArrayEquals(
            Arrays.copyOfRange(singles, from * size, (from + count) * size),
            Arrays.copyOfRange(run, offset, offset + count * size),
            what);
        for (int i = 0; i < run.length; i++) {
          boolean outside = i < offset || i >= offset + count * size;
          assertTrue(!outside || Float.isNaN(run[i]), what + " wrote outside its place");
        }
      }
    }
  }

  /** Over copies of its bytes, with the experts in another order, it decodes the same. */
  @TestFactory
  public Stream<DynamicTest> decodesCopiesOfItsBytes() {
    return forEachOwn(group -> {
      EncodedLinear linear = claimed(group);
      if (linear.form() instanceof LinearForm.Tiled tiled
          && !tiled.core().bankedParts().isEmpty()) {
        int experts = group.shape().experts();
        Map<String, MemorySegment> parts = new HashMap<>(linear.parts());
        for (String part : tiled.core().bankedParts()) {
          parts.put(part, reversedTwice(linear.parts().get(part), experts));
        }
        TileDecoder copy = tiled.core().over(2 * experts, parts).orElseThrow(Unsupported::new);
        int columns = group.shape().inputs() / tiled.grid().columns();
        forEachTileRow(
            group.shape(),
            tiled,
            (expert, row) -> {
              float[] expected = new float[columns * tiled.grid().size()];
              tiled.core().decode(expert, row, 0, columns, expected, 0);
              for (int place : new int[] {experts - 1 - expert, 2 * experts - 1 - expert}) {
                float[] actual = new float[expected.length];
                copy.decode(place, row, 0, columns, actual, 0);
                assertArrayEquals(
                    expected, actual, "expert %d at place %d".formatted(expert, place));
              }
            });
      }
    });
  }

  private static MemorySegment reversedTwice(MemorySegment bank, int experts) {
    long bytes = bank.byteSize() / experts;
    MemorySegment copy = Arena.ofAuto().allocate(2 * bank.byteSize());
    for (int place = 0; place < 2 * experts; place++) {
      int expert = experts - 1 - place % experts;
      MemorySegment.copy(bank, expert * bytes, copy, place * bytes, bytes);
    }
    return copy;
  }

  /** Many threads at once decode what one does. */
  @TestFactory
  public Stream<DynamicTest> decodesFromManyThreads() {
    return forEachOwn(group -> {
      if (claimed(group).form() instanceof LinearForm.Tiled tiled) {
        float[] alone = decoded(group.shape(), tiled);
        IntStream.range(0, 64)
            .parallel()
            .forEach(_ -> assertArrayEquals(alone, decoded(group.shape(), tiled)));
      }
    });
  }

  /** If it packs, it claims what it packed; tiles stand in order, each on its own. */
  @TestFactory
  public Stream<DynamicTest> readsWhatItPacks() {
    return forEachOwn(group -> {
      if (codec().packing(group.shape()) instanceof Offer.Accepted<Packing>(Packing packing)) {
        assertEquals(group.shape(), packing.shape());
        assertTilesStandAlone(group, packing);
        assertScaleMultiplies(group, packing);
      }
    });
  }

  /** If it stores plain rows in blocks, it claims them and decodes what it said. */
  @TestFactory
  public Stream<DynamicTest> readsTheBlocksThatItRounds() {
    return codec().blockQuantizers().stream()
        .map(quantizer -> NamedTest.of(quantizer.name(), () -> assertBlocks(quantizer)));
  }

  private void assertBlocks(BlockQuantizer quantizer) {
    int size = quantizer.size();
    LinearShape shape = new LinearShape(1, 3, 2 * size);
    double[] metric = new double[size * size];
    for (int i = 0; i < size; i++) {
      metric[i * size + i] = 1 + i % 3;
    }
    Random random = new Random(6);
    float[] targets = new float[Math.toIntExact(shape.weights())];
    for (int i = 0; i < targets.length; i++) {
      targets[i] = (float) random.nextGaussian();
    }
    byte[] blocks = new byte[targets.length / size * quantizer.bytes()];
    float[] values = new float[targets.length];
    BlockQuantizer.Rounding rounding = quantizer.rounding(metric);
    for (int i = 0; i < targets.length / size; i++) {
      rounding.round(targets, i * size, blocks, i * quantizer.bytes(), values);
    }
    List<Long> dimensions = List.of((long) shape.outputs(), (long) shape.inputs());
    Tensor tensor =
        new Tensor("w.weight", quantizer.type(), dimensions, MemorySegment.ofArray(blocks));
    TensorGroup group =
        new TensorGroup(new OperatorId(0, Role.QUERY), "w", shape, Map.of("weight", tensor));
    if (claimed(group).form() instanceof LinearForm.Tiled tiled) {
      assertArrayEquals(values, decoded(shape, tiled));
    } else {
      throw new AssertionError("blocks are tiles of one row");
    }
    assertEquals(8.0 * blocks.length / targets.length, quantizer.bits());
  }

  private void assertTilesStandAlone(TensorGroup group, Packing packing) {
    int tiles = RandomTensors.tiles(packing);
    int codeBytes = packing.codeBytes();
    byte[] codes = codes(packing, 3);
    MemorySegment together = allocate((long) tiles * packing.packedBytes());
    packing.pack(tiles, codes, 0.5f, together);
    float[] all = decoded(group, packing, codes, 0.5f);
    int size = packing.grid().size();
    for (int tile = 0; tile < tiles; tile++) {
      byte[] own = Arrays.copyOfRange(codes, tile * codeBytes, (tile + 1) * codeBytes);
      MemorySegment alone = allocate(packing.packedBytes());
      packing.pack(1, own, 0.5f, alone);
      MemorySegment slice = together.asSlice((long) tile * packing.packedBytes(), alone.byteSize());
      assertEquals(-1, slice.mismatch(alone), "bytes of tile " + tile + ", packed alone");
    }
    // The same codes everywhere decode to the same tile everywhere: that of the last place before.
    byte[] last = Arrays.copyOfRange(codes, (tiles - 1) * codeBytes, tiles * codeBytes);
    byte[] repeated = new byte[codes.length];
    for (int tile = 0; tile < tiles; tile++) {
      System.arraycopy(last, 0, repeated, tile * codeBytes, codeBytes);
    }
    float[] expected = Arrays.copyOfRange(all, (tiles - 1) * size, tiles * size);
    float[] same = decoded(group, packing, repeated, 0.5f);
    for (int tile = 0; tile < tiles; tile++) {
      assertArrayEquals(
          expected,
          Arrays.copyOfRange(same, tile * size, (tile + 1) * size),
          "tile " + tile + " with the codes of the last");
    }
  }

  private void assertScaleMultiplies(TensorGroup group, Packing packing) {
    byte[] codes = codes(packing, 4);
    float[] once = decoded(group, packing, codes, 0.25f);
    float[] twice = decoded(group, packing, codes, 0.5f);
    for (int i = 0; i < once.length; i++) {
      assertEquals(2 * once[i], twice[i], "value " + i + " at twice the scale");
    }
  }

  private static byte[] codes(Packing packing, long seed) {
    byte[] codes = new byte[RandomTensors.tiles(packing) * packing.codeBytes()];
    new Random(seed).nextBytes(codes);
    return codes;
  }

  private float[] decoded(TensorGroup like, Packing packing, byte[] codes, float scale) {
    TensorGroup group = new RandomTensors(5).packed(like.id(), like.stem(), packing, codes, scale);
    if (claimed(group).form() instanceof LinearForm.Tiled tiled) {
      assertEquals(packing.grid(), tiled.grid(), "the grid that was packed for");
      return decoded(group.shape(), tiled);
    }
    throw new AssertionError("a codec that packs tiles must give a tiled form");
  }

  /** All tiles of a bank. */
  private static float[] decoded(LinearShape shape, LinearForm.Tiled tiled) {
    int columns = shape.inputs() / tiled.grid().columns();
    float[] tiles = new float[Math.toIntExact(shape.weights())];
    List<Integer> offset = new ArrayList<>(List.of(0));
    forEachTileRow(
        shape,
        tiled,
        (expert, row) -> {
          tiled.core().decode(expert, row, 0, columns, tiles, offset.getFirst());
          offset.set(0, offset.getFirst() + columns * tiled.grid().size());
        });
    return tiles;
  }

  private interface TileRow {
    void visit(int expert, int row);
  }

  private static void forEachTileRow(LinearShape shape, LinearForm.Tiled tiled, TileRow visitor) {
    for (int expert = 0; expert < shape.experts(); expert++) {
      for (int row = 0; row < shape.outputs() / tiled.grid().rows(); row++) {
        visitor.visit(expert, row);
      }
    }
  }

  private EncodedLinear claimed(TensorGroup group) {
    return switch (codec().claim(group)) {
      case Offer.Accepted<EncodedLinear>(EncodedLinear linear) -> linear;
      case Offer.Declined<EncodedLinear>(String reason) ->
          throw new AssertionError(codec().id() + " declined its own: " + reason);
    };
  }

  private void assertDeclined(TensorGroup group) {
    try {
      switch (codec().claim(group)) {
        case Offer.Accepted<EncodedLinear> _ ->
            throw new AssertionError(
                "claimed " + group.shape() + " of " + new HashMap<>(group.members()));
        case Offer.Declined<EncodedLinear>(String reason) ->
            assertFalse(reason.isBlank(), "a refusal needs words");
      }
    } catch (EspalierException broken) {
      assertFalse(broken.getMessage().isBlank(), "a refusal needs words");
    }
  }

  private static TensorGroup with(TensorGroup group, String suffix, Tensor member) {
    Map<String, Tensor> members = new HashMap<>(group.members());
    members.put(suffix, member);
    return new TensorGroup(group.id(), group.stem(), group.shape(), members);
  }

  private static Tensor retyped(Tensor tensor) {
    return new Tensor(tensor.name(), UNKNOWN, tensor.shape(), tensor.bytes());
  }

  private static Tensor cut(Tensor tensor, long left) {
    return new Tensor(
        tensor.name(), tensor.type(), tensor.shape(), tensor.bytes().asSlice(0, left));
  }

  private static MemorySegment allocate(long bytes) {
    return Arena.ofAuto().allocate(bytes, ValueLayout.JAVA_LONG.byteAlignment());
  }

  private interface GroupTest {
    void run(TensorGroup group);
  }

  private Stream<DynamicTest> forEachOwn(GroupTest test) {
    return own().stream()
        .map(group -> NamedTest.of(group.stem() + ", " + group.shape(), () -> test.run(group)));
  }
}
