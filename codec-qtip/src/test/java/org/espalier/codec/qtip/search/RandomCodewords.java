package org.espalier.codec.qtip.search;

import java.util.Random;

/** Made-up codewords with the symmetry that the searches need. */
final class RandomCodewords {
  private RandomCodewords() {}

  /** Gaussian pairs, drawn from a table of 512 by the hash s (s + 1) as a codec might. */
  static Codewords hashed(long seed) {
    Random random = new Random(seed);
    float[] table = new float[1024];
    for (int i = 0; i < table.length; i++) {
      table[i] = (float) Math.clamp(random.nextGaussian(), -3, 3);
    }
    float[] first = new float[Codewords.STATES];
    float[] second = new float[Codewords.STATES];
    for (int state = 0; state < Codewords.STATES; state++) {
      int hash = state * (state + 1);
      int entry = hash >>> 6 & 511;
      first[state] = table[2 * entry];
      second[state] = (hash & 0x8000) != 0 ? -table[2 * entry + 1] : table[2 * entry + 1];
    }
    return new Codewords(first, second);
  }

  /** Few different values, so that ties abound. */
  static Codewords coarse(long seed) {
    Random random = new Random(seed);
    float[] first = new float[Codewords.STATES];
    float[] second = new float[Codewords.STATES];
    for (int state = 0; state < Codewords.STATES / 2; state++) {
      first[state] = random.nextInt(-2, 3);
      second[state] = random.nextInt(-2, 3) * 0.5f;
      first[Codewords.STATES - 1 - state] = first[state];
      second[Codewords.STATES - 1 - state] = second[state];
    }
    return new Codewords(first, second);
  }

  static float[] gaussians(int count, double deviation, long seed) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (deviation * random.nextGaussian());
    }
    return values;
  }
}
