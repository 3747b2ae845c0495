package org.espalier.backend.cpu.qtip;

import java.lang.foreign.MemorySegment;

/**
 * Multiplies blocks by activations of {@link ByteActivations}. All sums of products are exact
 * integers, so every implementation gives the same bits.
 */
interface ByteMultiplier {

  /** Bytes of working memory that {@link #accumulate} wants. */
  int workBytes();

  /**
   * Adds the products of up to 16 neighbouring tiles that share a scale of activations, if they
   * also share a scale of weights. Otherwise nothing is added.
   *
   * @param blocks the file's
   * @param blocksOffset of the first tile's block
   * @param tiles how many
   * @param x rows of integers
   * @param xOffset where the columns of the first tile are in the first row
   * @param xStride bytes from row to row
   * @param rows how many
   * @param scales what an integer is worth
   * @param scalesOffset of the first row's
   * @param scalesStride from row to row
   * @param sums 16 per row, which are added to
   * @param work working memory
   * @return whether they do
   */
  boolean accumulate(
      MemorySegment blocks,
      long blocksOffset,
      int tiles,
      byte[] x,
      int xOffset,
      int xStride,
      int rows,
      float[] scales,
      int scalesOffset,
      int scalesStride,
      float[] sums,
      byte[] work);
}
