package org.espalier.server.scheduling;

import java.util.ArrayList;
import java.util.List;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.server.scheduling.TokenScore.Alternative;

/** Log-probabilities from rows of logits: floats in, doubles throughout. */
final class Scorer {
  private Scorer() {}

  /**
   * Scores a token.
   *
   * @param count values of the row that take part
   * @param alternatives how many of the likeliest tokens to name
   */
  static TokenScore score(float[] logits, int count, int token, int alternatives) {
    double logSum = logSum(logits, count);
    List<Alternative> likeliest = new ArrayList<>(alternatives);
    for (int candidate : likeliest(logits, count, alternatives)) {
      likeliest.add(new Alternative(candidate, logits[candidate] - logSum));
    }
    return new TokenScore(token, logits[token] - logSum, likeliest);
  }

  /** The logarithm of Σ exp(logit). */
  static double logSum(float[] logits, int count) {
    float greatest = logits[0];
    for (int i = 1; i < count; i++) {
      greatest = Math.max(greatest, logits[i]);
    }
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += Math.exp((double) logits[i] - greatest);
    }
    double result = greatest + Math.log(sum);
    if (!Double.isFinite(result)) {
      throw new MalformedModel(
          "the model's logits are not all numbers: its weights are damaged, or its activations"
              + " overflow; check the file, or compute more exactly");
    }
    return result;
  }

  /** The tokens of the largest logits, in order; of equal ones the lower id comes first. */
  static int[] likeliest(float[] logits, int count, int wanted) {
    int[] best = new int[Math.min(wanted, count)];
    int found = 0;
    for (int token = 0; token < count; token++) {
      if (found == best.length && (found == 0 || logits[token] <= logits[best[found - 1]])) {
        continue;
      }
      int slot = found < best.length ? found++ : found - 1;
      while (slot > 0 && logits[best[slot - 1]] < logits[token]) {
        best[slot] = best[slot - 1];
        slot--;
      }
      best[slot] = token;
    }
    return best;
  }
}
