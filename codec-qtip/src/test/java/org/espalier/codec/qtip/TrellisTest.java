package org.espalier.codec.qtip;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

final class TrellisTest {
  private static final short ONE = Float.floatToFloat16(1);

  private final Codebook codebook = Codebook.load();

  /** 24 tiles that an independent Viterbi search encoded, with what they decode to. */
  @Test
  void decodesTheReferenceTilesExactly() {
    byte[] steps = Fixtures.bytes("viterbi_codes.u8");
    int[] starts = Fixtures.ints("viterbi_start.i32");
    float[] expected = Fixtures.floats("viterbi_recon.f32");
    assertEquals(24, starts.length);
    for (int tile = 0; tile < starts.length; tile++) {
      byte[] block = Fixtures.block(ONE, Fixtures.codes(starts[tile], steps, tile));
      float[] decoded = new float[256];
      Trellis.decodeTile(MemorySegment.ofArray(block), 0, codebook, decoded, 0);
      assertArrayEquals(Arrays.copyOfRange(expected, tile * 256, tile * 256 + 256), decoded);
    }
  }

  @Test
  void nextKeepsSixteenBits() {
    assertEquals(0x2345, Trellis.next(0x1234, 5));
    assertEquals(0xFFF0, Trellis.next(0xFFFF, 0));
    assertEquals(0x000F, Trellis.next(0, 15));
  }

  @Test
  void hashIgnoresWhatStandsAboveTheState() {
    for (int state = 0; state < 1 << 16; state += 7) {
      int clean = Trellis.hash(state);
      int dirty = Trellis.hash(state | 0xABCD0000);
      assertEquals(Trellis.entry(clean), Trellis.entry(dirty));
      assertEquals(Trellis.negates(clean), Trellis.negates(dirty));
      assertEquals(Trellis.signedEntry(clean), Trellis.signedEntry(dirty));
    }
  }

  /** As worked out by hand from the definition: x = s (s + 1), bits 6 to 14, bit 15. */
  @Test
  void hashOfSomeStates() {
    assertEquals(0, Trellis.entry(Trellis.hash(0)));
    assertEquals(1, Trellis.entry(Trellis.hash(8)));
    // 300 · 301 = 90300 = 0x160BC: bits 6–14 of 0x60BC are 0x182, bit 15 is clear.
    assertEquals(0x182, Trellis.entry(Trellis.hash(300)));
    assertEquals(false, Trellis.negates(Trellis.hash(300)));
    // 200 · 201 = 40200 = 0x9D08: bits 6–14 are 0x074, bit 15 is set.
    assertEquals(0x074, Trellis.entry(Trellis.hash(200)));
    assertEquals(true, Trellis.negates(Trellis.hash(200)));
    assertEquals(0x274, Trellis.signedEntry(Trellis.hash(200)));
  }

  @Test
  void everySignedEntryBelongsToSixtyFourStates() {
    int[] states = new int[1024];
    for (int state = 0; state < 1 << 16; state++) {
      states[Trellis.signedEntry(Trellis.hash(state))]++;
    }
    int[] expected = new int[1024];
    Arrays.fill(expected, 64);
    assertArrayEquals(expected, states);
  }

  @Test
  void statesAreAPalindrome() {
    for (int state = 0; state < 1 << 15; state++) {
      assertEquals(Trellis.first(state, codebook), Trellis.first(0xFFFF - state, codebook));
      assertEquals(Trellis.second(state, codebook), Trellis.second(0xFFFF - state, codebook));
    }
  }
}
