package org.espalier.runtime.sampling;

/** Draws tokens. Holds the window of the penalties and the random state: one for each sequence. */
public final class Sampler {

  /**
   * A sampler.
   *
   * @param seed equal seeds and equal logits give equal tokens
   * @param contextLength what {@code repeatLastN = −1} means
   */
  public Sampler(SamplingOptions options, long seed, int contextLength) {
    throw new IllegalStateException("not yet written");
  }

  /** Notes a token of the prompt or of the text: penalties see it from now on. */
  public void accept(int token) {
    throw new IllegalStateException("not yet written");
  }

  /**
   * Draws a token; does not accept it.
   *
   * @param logits one per token, at {@code offset} and on; they are left as they are
   */
  public int sample(float[] logits, int offset, int count) {
    throw new IllegalStateException("not yet written");
  }
}
