package org.espalier.api.backend;

/** What goes into a forward pass: token ids, or rows of the residual stream. */
public sealed interface Activations permits Activations.Tokens, Rows {

  /** How many positions. */
  int count();

  /**
   * Token ids, one per position. The array is read during the call only and not kept.
   *
   * @param ids each from 0 to vocabulary − 1
   */
  record Tokens(int... ids) implements Activations {
    @Override
    public int count() {
      return ids.length;
    }
  }
}
