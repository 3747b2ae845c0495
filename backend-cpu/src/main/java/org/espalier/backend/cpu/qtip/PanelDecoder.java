package org.espalier.backend.cpu.qtip;

/**
 * Decodes tiles to a panel of unscaled weights: for each pair of columns the pairs of 16 rows, so
 * value c of row r in pair of columns p of tile t is at {@code 256 t + 32 p + 2 r + c}. A vector of
 * such values meets one pair of activations, repeated.
 */
interface PanelDecoder {

  /**
   * @param stream tiles as {@link CodeStream#copy} leaves them
   * @param tiles how many
   * @param indices working memory of 128 per tile
   * @param panel receives 256 floats per tile from index 0 on
   */
  void decode(byte[] stream, int tiles, int[] indices, float[] panel);
}
