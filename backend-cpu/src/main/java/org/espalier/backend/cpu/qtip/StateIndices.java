package org.espalier.backend.cpu.qtip;

import static jdk.incubator.vector.VectorOperators.BITWISE_BLEND;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.REVERSE_BYTES;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Entries of {@link PairTable} for all states of a tile, in vectors of any width. States are hashed
 * in 16-bit lanes, since only the low 16 bits of a hash matter; an int holds two states that lie
 * four pairs of columns apart in one row.
 */
final class StateIndices {
  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Byte> BYTES = VectorSpecies.of(byte.class, INTS.vectorShape());

  private StateIndices() {}

  /**
   * @param stream tiles as {@link CodeStream#copy} leaves them
   * @param tiles how many
   * @param indices receives, at {@code 128 t + 16 p + r}, the entry of row r and pair of columns p
   */
  static void compute(byte[] stream, int tiles, int[] indices) {
    for (int tile = 0; tile < tiles; tile++) {
      int block = tile * QtipCore.BLOCK_BYTES;
      for (int row = 0; row < QtipCore.TILE; row += INTS.length()) {
        // Words of four codes, and the same one word earlier: the last state before those codes.
        IntVector before = reverseNibbles(stream, block + 2 + 4 * row);
        IntVector codes = reverseNibbles(stream, block + 4 + 4 * row);
        int to = tile * QtipCore.PAIRS + row;
        store(before, indices, to);
        store(window(before, codes, 4, 0x000F000F), indices, to + 16);
        store(window(before, codes, 8, 0x00FF00FF), indices, to + 32);
        store(window(before, codes, 12, 0x0FFF0FFF), indices, to + 48);
      }
    }
  }

  /** The states some nibbles later. Shifts are of ints; the mask drops what crosses a half. */
  private static IntVector window(IntVector before, IntVector codes, int bits, int mask) {
    return before
        .lanewise(LSHL, bits)
        .lanewise(BITWISE_BLEND, codes.lanewise(LSHR, 16 - bits), mask);
  }

  private static void store(IntVector states, int[] indices, int to) {
    ShortVector halves = states.reinterpretAsShorts();
    IntVector hashes = halves.mul(halves).add(halves).reinterpretAsInts();
    hashes.lanewise(LSHR, 6).and(1023).intoArray(indices, to);
    hashes.lanewise(LSHR, 22).intoArray(indices, to + 64);
  }

  private static IntVector reverseNibbles(byte[] stream, int at) {
    IntVector words =
        ByteVector.fromArray(BYTES, stream, at)
            .reinterpretAsShorts()
            .lanewise(REVERSE_BYTES)
            .reinterpretAsInts();
    return words.lanewise(LSHR, 4).lanewise(BITWISE_BLEND, words.lanewise(LSHL, 4), 0xF0F0F0F0);
  }
}
