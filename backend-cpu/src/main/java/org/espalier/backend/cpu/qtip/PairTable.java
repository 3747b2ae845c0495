package org.espalier.backend.cpu.qtip;

/**
 * The codebook with signs applied: what the ten bits 6 … 15 of a hashed state give. An entry is a
 * pair of floats, the first in the low half, so that one 64-bit load fetches both.
 */
final class PairTable {
  private final long[] pairs = new long[2 * QtipCore.CODEBOOK_ENTRIES];

  /**
   * @param codebook 512 pairs; the sign bit above the index negates the second of a pair
   */
  PairTable(float[] codebook) {
    for (int i = 0; i < pairs.length; i++) {
      int entry = i & QtipCore.CODEBOOK_ENTRIES - 1;
      float first = codebook[2 * entry];
      float second = codebook[2 * entry + 1];
      pairs[i] =
          Float.floatToRawIntBits(first) & 0xFFFFFFFFL
              | (long) Float.floatToRawIntBits(i == entry ? second : -second) << 32;
    }
  }

  /** The entries themselves; not to be written to. */
  long[] pairs() {
    return pairs;
  }

  /** Which entry a state has. Only the low 16 bits of {@code state} matter. */
  static int index(int state) {
    return state * (state + 1) >>> 6 & 1023;
  }
}
