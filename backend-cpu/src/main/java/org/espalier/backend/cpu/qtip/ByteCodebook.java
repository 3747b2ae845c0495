package org.espalier.backend.cpu.qtip;

/**
 * The codebook rounded to bytes and arranged for {@link VbmiMultiplier}.
 *
 * <p>Components are stored as unsigned bytes 128 + round(value / step), between 1 and 255. For each
 * component there are four tables of 128 bytes, chosen by bits 6 and 7 of the hashed state and
 * indexed by bits 8 … 14.
 */
final class ByteCodebook {
  /** Where the index vectors are by which states 4 i are put together. */
  static final int FIRST_WINDOW = 1024;

  /** The same for states 4 i + 2. */
  static final int SECOND_WINDOW = FIRST_WINDOW + 64;

  /** Where the index vector is that takes the upper bytes of two vectors of words in turn. */
  static final int UPPER_BYTES = FIRST_WINDOW + 128;

  /** The same for the lower bytes. */
  static final int LOWER_BYTES = FIRST_WINDOW + 192;

  private final byte[] tables = new byte[FIRST_WINDOW + 256];
  private final int[] first = new int[QtipCore.CODEBOOK_ENTRIES];
  private final int[] second = new int[QtipCore.CODEBOOK_ENTRIES];
  private final float step;
  private final double longest;

  ByteCodebook(float[] codebook) {
    float largest = 0;
    for (float value : codebook) {
      largest = Math.max(largest, Math.abs(value));
    }
    step = largest > 0 ? largest / 127 : 1;
    double longestSquare = 0;
    for (int i = 0; i < QtipCore.CODEBOOK_ENTRIES; i++) {
      first[i] = Math.round(codebook[2 * i] / step);
      second[i] = Math.round(codebook[2 * i + 1] / step);
      longestSquare = Math.max(longestSquare, first[i] * first[i] + second[i] * second[i]);
      // The index is bits 6 … 14 of the hash: its two lowest bits choose the table.
      int at = ((i >> 1 & 1) * 2 + (i & 1)) * 128 + (i >> 2);
      tables[at] = (byte) (128 + first[i]);
      tables[512 + at] = (byte) (128 + second[i]);
    }
    longest = Math.sqrt(longestSquare);
    fillIndexVectors();
  }

  private void fillIndexVectors() {
    for (int i = 0; i < 32; i++) {
      // Lower, then upper byte of a word; a state's first nibbles are in the upper one. Indices
      // from
      // 64 on mean the head of the block, where bytes 2 and 3 are the first state.
      tables[FIRST_WINDOW + 2 * i] = (byte) (i == 0 ? 64 + 2 : 2 * i - 1);
      tables[FIRST_WINDOW + 2 * i + 1] = (byte) (i == 0 ? 64 + 3 : 2 * i - 2);
      tables[SECOND_WINDOW + 2 * i] = (byte) (2 * i);
      tables[SECOND_WINDOW + 2 * i + 1] = (byte) (i == 0 ? 64 + 2 : 2 * i - 1);
      tables[UPPER_BYTES + 2 * i] = (byte) (2 * i + 1);
      tables[UPPER_BYTES + 2 * i + 1] = (byte) (64 + 2 * i + 1);
      tables[LOWER_BYTES + 2 * i] = (byte) (2 * i);
      tables[LOWER_BYTES + 2 * i + 1] = (byte) (64 + 2 * i);
    }
  }

  /** First components' tables, second ones', index vectors; not to be written to. */
  byte[] tables() {
    return tables;
  }

  /** First component of an entry in steps. */
  int first(int entry) {
    return first[entry];
  }

  /** Second component of an entry in steps, before its sign. */
  int second(int entry) {
    return second[entry];
  }

  /** The value of one step. */
  float step() {
    return step;
  }

  /** The largest length of a pair, in steps. */
  double longest() {
    return longest;
  }
}
