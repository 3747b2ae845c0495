package org.espalier.runtime.quantisation;

import java.nio.charset.StandardCharsets;

/**
 * Random signs for the Hadamard transforms, the same on every machine and in every version.
 *
 * <p>The generator is SplitMix64: its state begins at {@code seed} XOR the 64-bit FNV-1a hash of
 * the UTF-8 text {@code tensor + "#" + expert}, such as {@code "blk.3.ffn_gate_exps.sign_r#17"}.
 * Each output gives 64 signs, lowest bit first; a set bit is −1.
 */
public final class SignVectors {
  private static final long FNV_OFFSET = 0xCBF29CE484222325L;
  private static final long FNV_PRIME = 0x100000001B3L;
  private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

  private SignVectors() {}

  /**
   * The signs of one rotation.
   *
   * @param seed of the whole model
   * @param tensor that will hold them
   * @param expert index in the bank; 0 for a plain linear
   * @param length how many
   * @return values of ±1
   */
  public static float[] of(long seed, String tensor, int expert, int length) {
    long state = seed ^ hash(tensor + "#" + expert);
    float[] signs = new float[length];
    long bits = 0;
    for (int i = 0; i < length; i++) {
      if (i % Long.SIZE == 0) {
        state += GOLDEN_GAMMA;
        bits = mix(state);
      }
      signs[i] = (bits & 1) == 0 ? 1 : -1;
      bits >>>= 1;
    }
    return signs;
  }

  private static long mix(long state) {
    long z = (state ^ state >>> 30) * 0xBF58476D1CE4E5B9L;
    z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
    return z ^ z >>> 31;
  }

  private static long hash(String text) {
    long hash = FNV_OFFSET;
    for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
      hash = (hash ^ b & 0xFF) * FNV_PRIME;
    }
    return hash;
  }
}
