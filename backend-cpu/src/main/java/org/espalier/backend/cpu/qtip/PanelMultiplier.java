package org.espalier.backend.cpu.qtip;

/**
 * Multiplies a panel of {@link PanelDecoder} by rows of activations. Every implementation adds in
 * the same order with one rounding per product, so all give the same bits: even and odd columns
 * have a sum each, and columns come in ascending order.
 */
interface PanelMultiplier {

  /**
   * @param panel 32 values for each pair of columns
   * @param pairs of columns
   * @param x rows of float bits in native byte order
   * @param xOffset bytes; where the activations of the panel's first column are in the first row
   * @param xStride bytes from row to row
   * @param rows how many
   * @param sums 32 per row, which are added to: at 2 r the even columns of output r, then the odd
   * @param sumsOffset where those of the first row begin
   */
  void accumulate(
      float[] panel,
      int pairs,
      byte[] x,
      int xOffset,
      int xStride,
      int rows,
      float[] sums,
      int sumsOffset);
}
