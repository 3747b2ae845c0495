package org.espalier.backend.offload.bank;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SignBitsTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 7, 8, 9, 64, 1000})
  void givesBackWhatItWasGiven(int count) {
    Random random = new Random(count);
    byte[][] experts = new byte[3][];
    for (int e = 0; e < experts.length; e++) {
      ByteBuffer bytes = ByteBuffer.allocate(count * 4).order(ByteOrder.LITTLE_ENDIAN);
      for (int i = 0; i < count; i++) {
        bytes.putFloat(random.nextBoolean() ? 1 : -1);
      }
      experts[e] = bytes.array();
    }
    SignBits bits = check(experts);
    assertEquals(3L * ((count + 7) / 8), bits.bytes(), "a bit each");
    experts[2][experts[2].length - 4] ^= 1; // not quite a sign any more
    bits = check(experts);
    assertEquals(3L * count * 4, bits.bytes());
  }

  private static SignBits check(byte[][] experts) {
    SignBits bits =
        SignBits.of(
            new MovableBank.Piece(List.of(experts).stream().map(MemorySegment::ofArray).toList()));
    for (int e = 0; e < experts.length; e++) {
      byte[] back = new byte[experts[e].length];
      bits.write(e, MemorySegment.ofArray(back));
      assertArrayEquals(experts[e], back);
    }
    return bits;
  }
}
