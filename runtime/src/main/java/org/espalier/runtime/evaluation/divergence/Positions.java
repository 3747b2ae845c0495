package org.espalier.runtime.evaluation.divergence;

import java.util.Arrays;
import org.espalier.runtime.evaluation.Mean;

/** What was found at every position, in order. */
final class Positions {
  private final double[] divergences;
  private final Mean kl = new Mean();
  private final Mean sameTop = new Mean();
  private final Mean change = new Mean();
  private final Mean nll = new Mean();
  private final Mean referenceNll = new Mean();
  private int count;

  Positions(int most) {
    divergences = new double[most];
  }

  void add(Divergence position) {
    divergences[count++] = position.kl();
    kl.add(position.kl());
    sameTop.add(position.sameTop() ? 1 : 0);
    if (!Double.isNaN(position.logLikelihood())) {
      change.add(position.logLikelihood() - position.referenceLogLikelihood());
      nll.add(-position.logLikelihood());
      referenceNll.add(-position.referenceLogLikelihood());
    }
  }

  double meanKl() {
    return kl.mean();
  }

  ComparisonResult result(int window, int windows, int commonTokens) {
    double[] sorted = Arrays.copyOf(divergences, count);
    Arrays.sort(sorted);
    return new ComparisonResult(
        window,
        windows,
        commonTokens,
        kl,
        quantile(sorted, 0.5),
        quantile(sorted, 0.99),
        sorted[count - 1],
        sameTop,
        change,
        nll.mean(),
        referenceNll.mean());
  }

  /** Between two values, the one in proportion. */
  static double quantile(double[] sorted, double share) {
    double place = share * (sorted.length - 1);
    int below = (int) place;
    int above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
  }
}
