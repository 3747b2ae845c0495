package org.espalier.codec.ggml;

import java.lang.foreign.MemorySegment;

/** Decodes one block. */
@FunctionalInterface
interface BlockDecoder {
  /**
   * Decodes a block.
   *
   * @param at where in {@code blocks} it begins
   * @param target receives the values of the block, in order
   * @param offset where the first goes
   */
  void decode(MemorySegment blocks, long at, float[] target, int offset);
}
