package org.espalier.runtime.evaluation.divergence;

import org.espalier.runtime.evaluation.pass.LogSoftmax;

/**
 * How a model's prediction at one position differs from the reference's.
 *
 * @param kl KL(reference ‖ model), in nats
 * @param sameTop whether both find the same token likeliest
 * @param logLikelihood of the token that follows, by the model; not a number where none does
 * @param referenceLogLikelihood the same by the reference
 */
record Divergence(double kl, boolean sameTop, double logLikelihood, double referenceLogLikelihood) {

  /** No token follows. */
  static final int NO_TARGET = -1;

  /**
   * Of whole distributions.
   *
   * @param count leading tokens that take part
   * @param target the token that follows, or {@link #NO_TARGET}
   */
  static Divergence of(float[] reference, float[] logits, int count, int target) {
    double referenceSum = LogSoftmax.logSum(reference, count);
    double sum = LogSoftmax.logSum(logits, count);
    double kl = 0;
    for (int i = 0; i < count; i++) {
      double referenceLog = reference[i] - referenceSum;
      double probability = Math.exp(referenceLog);
      if (probability > 0) {
        kl += probability * (referenceLog - (logits[i] - sum));
      }
    }
    return new Divergence(
        kl,
        LogSoftmax.greatest(reference, count) == LogSoftmax.greatest(logits, count),
        target == NO_TARGET ? Double.NaN : logits[target] - sum,
        target == NO_TARGET ? Double.NaN : reference[target] - referenceSum);
  }
}
