package org.espalier.backend.cpu.qtip;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Entries of {@link PairTable} for all states of a tile, in int lanes of any width: lanes are rows,
 * and the eight states of a row are eight windows of 48 bits.
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
        // The word before a row's own holds, as its last four nibbles, the row's first state.
        IntVector before = reverseNibbles(stream, block + 4 * row);
        IntVector codes = reverseNibbles(stream, block + 4 * row + 4);
        int to = tile * QtipCore.PAIRS + row;
        store(before, indices, to);
        store(window(before, codes, 4), indices, to + 16);
        store(window(before, codes, 8), indices, to + 32);
        store(window(before, codes, 12), indices, to + 48);
        store(window(before, codes, 16), indices, to + 64);
        store(window(before, codes, 20), indices, to + 80);
        store(window(before, codes, 24), indices, to + 96);
        store(window(before, codes, 28), indices, to + 112);
      }
    }
  }

  private static IntVector window(IntVector before, IntVector codes, int bits) {
    return before
        .lanewise(VectorOperators.LSHL, bits)
        .or(codes.lanewise(VectorOperators.LSHR, 32 - bits));
  }

  private static void store(IntVector states, int[] indices, int to) {
    states.mul(states.add(1)).lanewise(VectorOperators.LSHR, 6).and(1023).intoArray(indices, to);
  }

  private static IntVector reverseNibbles(byte[] stream, int at) {
    IntVector bytes =
        ByteVector.fromArray(BYTES, stream, at)
            .reinterpretAsInts()
            .lanewise(VectorOperators.REVERSE_BYTES);
    IntVector low = bytes.lanewise(VectorOperators.LSHL, 4).and(0xF0F0F0F0);
    return low.or(bytes.lanewise(VectorOperators.LSHR, 4).and(0x0F0F0F0F));
  }
}
