package org.espalier.runtime.evaluation.pass;

import org.espalier.api.EspalierException.MalformedModel;

/** Logarithms of probabilities from a row of logits: float in, double throughout. */
public final class LogSoftmax {
  private LogSoftmax() {}

  /**
   * The logarithm of Σ exp(logit): what must be taken from a logit to get a log-probability.
   *
   * @param count leading values of {@code logits} that take part
   * @throws MalformedModel when they are not all numbers
   */
  public static double logSum(float[] logits, int count) {
    double greatest = logits[greatest(logits, count)];
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += Math.exp(logits[i] - greatest);
    }
    double result = greatest + Math.log(sum);
    if (Double.isNaN(result)) {
      throw new MalformedModel(
          "the model's logits are not all numbers: its weights are damaged, or too large for this precision");
    }
    return result;
  }

  /** The index of the greatest value; of equal ones the first. */
  public static int greatest(float[] logits, int count) {
    int best = 0;
    for (int i = 1; i < count; i++) {
      if (logits[i] > logits[best]) {
        best = i;
      }
    }
    return best;
  }
}
