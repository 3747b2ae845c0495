package org.espalier.runtime.quantisation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SignVectorsTest {
  private static final String TENSOR = "blk.3.ffn_gate_exps.sign_r.weight";

  /** The JDK has the same generator; FNV-1a of "#0" is worked out below as it is defined. */
  @Test
  void isSplitMix64() {
    long hash = 0xCBF29CE484222325L;
    for (char c : "#0".toCharArray()) {
      hash ^= c;
      hash *= 1099511628211L;
    }
    SplittableRandom random = new SplittableRandom(42 ^ hash);
    float[] signs = SignVectors.of(42, "", 0, 256);
    for (int i = 0; i < 256; i += 64) {
      long bits = random.nextLong();
      for (int j = 0; j < 64; j++) {
        assertEquals((bits >>> j & 1) == 0 ? 1f : -1f, signs[i + j]);
      }
    }
  }

  @Test
  void shorterOnesAreTheirBeginnings() {
    float[] signs = SignVectors.of(1, TENSOR, 5, 200);
    assertArrayEquals(Arrays.copyOf(signs, 70), SignVectors.of(1, TENSOR, 5, 70));
  }

  @Test
  void differBySeedTensorAndExpert() {
    float[] signs = SignVectors.of(1, TENSOR, 5, 64);
    assertFalse(Arrays.equals(signs, SignVectors.of(2, TENSOR, 5, 64)));
    assertFalse(Arrays.equals(signs, SignVectors.of(1, TENSOR, 6, 64)));
    assertFalse(Arrays.equals(signs, SignVectors.of(1, "blk.4", 5, 64)));
  }

  @Test
  void aboutHalfAreNegative() {
    int negative = 0;
    for (float sign : SignVectors.of(7, TENSOR, 0, 10_000)) {
      negative += sign < 0 ? 1 : 0;
    }
    assertEquals(5_000, negative, 250);
  }
}
