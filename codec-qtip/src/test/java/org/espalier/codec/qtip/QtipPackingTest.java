package org.espalier.codec.qtip;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.codec.Packing;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.TileGrid;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class QtipPackingTest {
  private final QtipCodec codec = new QtipCodec();

  private Packing packing(int experts, int outputs, int inputs) {
    return codec.packing(new LinearShape(experts, outputs, inputs)).orElseThrow(Unsupported::new);
  }

  @Test
  void membersOfAPlainLinear() {
    Packing packing = packing(1, 16, 512);
    assertEquals(new LinearShape(1, 16, 512), packing.shape());
    assertEquals(new TileGrid(16, 16), packing.grid());
    assertEquals(66, packing.codeBytes());
    assertEquals(68, packing.packedBytes());
    assertEquals(
        new Packing.Member("weight", QtipTensors.TYPE, List.of(16L, 512L)), packing.tiles());
    assertEquals(
        new Packing.Member("sign_r.weight", Fixtures.F32, List.of(512L)), packing.inputSigns());
    assertEquals(
        new Packing.Member("sign_l.weight", Fixtures.F32, List.of(16L)), packing.outputSigns());
  }

  @Test
  void membersOfABank() {
    Packing packing = packing(6, 32, 256);
    assertEquals(List.of(6L, 32L, 256L), packing.tiles().shape());
    assertEquals(List.of(6L, 256L), packing.inputSigns().shape());
    assertEquals(List.of(6L, 32L), packing.outputSigns().shape());
  }

  @ParameterizedTest
  @CsvSource({"8, 256", "24, 256", "16, 128", "16, 768", "1, 256", "16, 1"})
  void shapesThatDoNotFitAreDeclined(int outputs, int inputs) {
    Offer.Declined<?> declined =
        assertInstanceOf(Offer.Declined.class, codec.packing(new LinearShape(1, outputs, inputs)));
    assertTrue(
        declined.reason().contains(outputs + " outputs × " + inputs + " inputs"),
        declined.reason());
  }

  @Test
  void blocksStandAsTheyWouldInAFile() {
    byte[] codes = new byte[2 * 66];
    new Random(1).nextBytes(codes);
    byte[] target = new byte[2 * 68 + 1];
    packing(1, 16, 256).pack(2, codes, 1.5f, MemorySegment.ofArray(target));
    byte[] expected = new byte[2 * 68 + 1];
    // 1.5 is 0x3E00 as a half.
    for (int tile = 0; tile < 2; tile++) {
      expected[tile * 68] = 0x00;
      expected[tile * 68 + 1] = 0x3E;
      System.arraycopy(codes, tile * 66, expected, tile * 68 + 2, 66);
    }
    assertArrayEquals(expected, target);
  }

  /** Walks a random tile from its raw codes, apart from the code under test. */
  @Test
  void whatIsPackedDecodes() {
    Random random = new Random(2);
    float scale = 0.046875f;
    byte[] codes = new byte[16 * 66];
    random.nextBytes(codes);
    LinearShape shape = new LinearShape(1, 16, 256);
    MemorySegment blocks = MemorySegment.ofArray(new byte[16 * 68]);
    packing(1, 16, 256).pack(16, codes, scale, blocks);
    float[] decoded = new float[16 * 256];
    new BlockDecoder(shape, blocks, Codebook.load()).decode(0, 0, 0, 16, decoded, 0);
    float[] table = Fixtures.floats("hyb-q9.f32le");
    for (int tile = 0; tile < 16; tile++) {
      byte[] one = Arrays.copyOfRange(codes, tile * 66, tile * 66 + 66);
      long state = (one[0] & 0xFF) + 256 * (one[1] & 0xFF);
      for (int step = 0; step < 128; step++) {
        if (step > 0) {
          int pair = one[2 + (step - 1) / 2] & 0xFF;
          state = (state * 16 + (step % 2 == 1 ? pair % 16 : pair / 16)) % 65536;
        }
        long hash = state * (state + 1);
        int entry = (int) (hash / 64 % 512);
        int sign = hash / 32768 % 2 == 1 ? -1 : 1;
        assertEquals(scale * table[2 * entry], decoded[tile * 256 + 2 * step]);
        assertEquals(scale * sign * table[2 * entry + 1], decoded[tile * 256 + 2 * step + 1]);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {65520, -1e9f, Float.NaN, Float.NEGATIVE_INFINITY})
  void scalesThatNoHalfHoldsAreRefused(float scale) {
    MemorySegment target = MemorySegment.ofArray(new byte[68]);
    Packing packing = packing(1, 16, 256);
    InvalidRequest refusal =
        assertThrows(InvalidRequest.class, () -> packing.pack(1, new byte[66], scale, target));
    assertTrue(refusal.getMessage().contains(Float.toString(scale)), refusal.getMessage());
  }

  @Test
  void tooLittleRoomIsRefusedBeforeAnythingIsWritten() {
    Packing packing = packing(1, 16, 256);
    byte[] target = new byte[2 * 68 - 1];
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> packing.pack(2, new byte[2 * 66], 1, MemorySegment.ofArray(target)));
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> packing.pack(1, new byte[65], 1, MemorySegment.ofArray(target)));
    assertArrayEquals(new byte[2 * 68 - 1], target);
  }
}
