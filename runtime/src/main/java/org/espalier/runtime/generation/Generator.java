package org.espalier.runtime.generation;

import org.espalier.api.backend.Session;
import org.espalier.runtime.tokenizer.Tokenizer;

/** Runs the loop: prompt in batches, then token by token. */
public final class Generator {

  /**
   * A generator over one session.
   *
   * @param batch most prompt tokens per forward pass
   * @param vocabulary values per row of logits
   */
  public Generator(Session session, Tokenizer tokenizer, int vocabulary, int batch) {
    throw new IllegalStateException("not yet written");
  }

  /**
   * Appends the prompt to the session and generates.
   *
   * @throws org.espalier.api.EspalierException.InvalidRequest when the prompt is empty or longer
   *     than the context less 4 tokens
   */
  public GenerationResult generate(
      int[] prompt, GenerationOptions options, GenerationListener listener) {
    throw new IllegalStateException("not yet written");
  }
}
