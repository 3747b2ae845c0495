package org.espalier.backend.cpu.qtip;

/** Computes indices in vectors and looks pairs up one by one: for CPUs whose gathers are slow. */
final class LanePanelDecoder implements PanelDecoder {
  private final long[] table;

  LanePanelDecoder(PairTable table) {
    this.table = table.pairs();
  }

  @Override
  public void decode(byte[] stream, int tiles, int[] indices, float[] panel) {
    StateIndices.compute(stream, tiles, indices);
    lookUp(table, indices, tiles * QtipCore.PAIRS, panel);
  }

  private static void lookUp(long[] table, int[] indices, int count, float[] panel) {
    for (int i = 0; i < count; i++) {
      long pair = table[indices[i] & 1023];
      panel[2 * i] = Float.intBitsToFloat((int) pair);
      panel[2 * i + 1] = Float.intBitsToFloat((int) (pair >>> 32));
    }
  }
}
