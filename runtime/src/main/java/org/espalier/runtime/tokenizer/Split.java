package org.espalier.runtime.tokenizer;

/**
 * Cuts a text into pieces that follow one another without gaps. Merges never cross a cut. Stateless
 * and linear in the length of the text.
 */
@FunctionalInterface
interface Split {
  /**
   * Where the piece that begins at {@code start} ends.
   *
   * @param limit the end of the text as far as the split is concerned, greater than {@code start}
   * @return an index from {@code start + 1} to {@code limit}
   */
  int pieceEnd(String text, int start, int limit);
}
