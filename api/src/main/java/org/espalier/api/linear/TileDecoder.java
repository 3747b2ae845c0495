package org.espalier.api.linear;

/**
 * Decodes tiles of a core matrix: the executable definition of a codec, which every backend can
 * run. Pure and safe to call from many threads at once.
 */
@FunctionalInterface
public interface TileDecoder {

  /**
   * Decodes a run of neighbouring tiles of one row of tiles. Whoever calls asks for long runs, so
   * an interface call costs nothing that can be measured.
   *
   * @param expert index in the bank
   * @param tileRow row of tiles, from 0
   * @param tileColumn first tile of the run, from 0
   * @param count tiles in the run; all lie in {@code tileRow}
   * @param target receives {@code count} tiles one after another, each in row-major order
   * @param offset where in {@code target} the first value goes
   */
  void decode(int expert, int tileRow, int tileColumn, int count, float[] target, int offset);
}
