package org.espalier.runtime.evaluation.divergence;

import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.runtime.Model;

/** The tokens that two models have in common, when they have one tokenizer. */
public final class CommonTokens {
  private CommonTokens() {}

  /**
   * How many leading tokens both know; rows of an embedding beyond them are padding.
   *
   * @throws InvalidRequest when they have different tokenizers
   */
  public static int of(Model model, Model reference) {
    requireSame(
        model,
        reference.tokenizer().fingerprint(),
        reference.artifact().path().getFileName().toString());
    return Math.min(known(model), known(reference));
  }

  /** How many tokens a model knows. */
  static int known(Model model) {
    return Math.min(model.tokenizer().usedSize(), model.plan().vocabulary());
  }

  static void requireSame(Model model, String fingerprint, String reference) {
    String own = model.tokenizer().fingerprint();
    if (!own.equals(fingerprint)) {
      throw new InvalidRequest(
          "%s and %s have different tokenizers (%.12s… and %.12s…): their probabilities are not of the same things"
              .formatted(model.artifact().path().getFileName(), reference, own, fingerprint));
    }
  }
}
