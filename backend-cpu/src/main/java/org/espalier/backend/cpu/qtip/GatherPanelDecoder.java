package org.espalier.backend.cpu.qtip;

import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorSpecies;

/** Gathers pairs, as many at once as a vector holds. */
final class GatherPanelDecoder implements PanelDecoder {
  private static final VectorSpecies<Long> PAIRS = LongVector.SPECIES_PREFERRED;

  private final long[] table;

  GatherPanelDecoder(PairTable table) {
    this.table = table.pairs();
  }

  @Override
  public void decode(byte[] stream, int tiles, int[] indices, float[] panel) {
    StateIndices.compute(stream, tiles, indices);
    gather(table, indices, tiles * QtipCore.PAIRS, panel);
  }

  private static void gather(long[] table, int[] indices, int count, float[] panel) {
    for (int i = 0; i < count; i += PAIRS.length()) {
      LongVector.fromArray(PAIRS, table, 0, indices, i)
          .reinterpretAsFloats()
          .intoArray(panel, 2 * i);
    }
  }
}
