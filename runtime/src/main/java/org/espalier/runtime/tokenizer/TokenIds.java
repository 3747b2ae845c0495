package org.espalier.runtime.tokenizer;

import java.util.Arrays;

/** A growing sequence of token ids. */
final class TokenIds {
  private int[] ids = new int[16];
  private int count;

  void add(int id) {
    if (count == ids.length) {
      ids = Arrays.copyOf(ids, Math.addExact(count, count >> 1));
    }
    ids[count++] = id;
  }

  int[] toArray() {
    return Arrays.copyOf(ids, count);
  }
}
