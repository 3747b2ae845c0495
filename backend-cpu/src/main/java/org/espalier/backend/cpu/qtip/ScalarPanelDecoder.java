package org.espalier.backend.cpu.qtip;

/** One state at a time: what the others are measured against. */
final class ScalarPanelDecoder implements PanelDecoder {
  private final long[] pairs;

  ScalarPanelDecoder(PairTable table) {
    this.pairs = table.pairs();
  }

  @Override
  public void decode(byte[] stream, int tiles, int[] indices, float[] panel) {
    for (int tile = 0; tile < tiles; tile++) {
      decodeTile(pairs, stream, tile * QtipCore.BLOCK_BYTES, panel, tile * 256);
    }
  }

  private static void decodeTile(long[] pairs, byte[] stream, int at, float[] panel, int to) {
    int state =
        CodeStream.nibble(stream, at, -3) << 8
            | CodeStream.nibble(stream, at, -2) << 4
            | CodeStream.nibble(stream, at, -1);
    for (int j = 0; j < QtipCore.PAIRS; j++) {
      state = state << 4 | CodeStream.nibble(stream, at, j);
      long pair = pairs[PairTable.index(state)];
      int target = to + (j & 7) * 32 + (j >> 3) * 2;
      panel[target] = Float.intBitsToFloat((int) pair);
      panel[target + 1] = Float.intBitsToFloat((int) (pair >>> 32));
    }
  }
}
