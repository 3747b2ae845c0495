package org.espalier.runtime.evaluation.routing;

import java.util.List;

/**
 * How a layer's tokens were spread over its experts.
 *
 * @param layer counted from 0
 * @param counts how often each expert was chosen
 * @param weights sum of the router's weights for each
 */
public record LayerLoad(int layer, List<Long> counts, List<Double> weights) {
  public LayerLoad {
    counts = List.copyOf(counts);
    weights = List.copyOf(weights);
  }

  /** Choices in all. */
  public long total() {
    return counts.stream().mapToLong(Long::longValue).sum();
  }

  /** An expert's share of all choices. */
  public double share(int expert) {
    return total() == 0 ? 0 : (double) counts.get(expert) / total();
  }

  /** The busiest expert's load over the average load: 1 is perfect balance. */
  public double imbalance() {
    return greatest() * counts.size();
  }

  /** The largest share. */
  public double greatest() {
    return counts.stream().mapToLong(Long::longValue).max().orElse(0)
        / (double) Math.max(1, total());
  }

  /** The smallest share. */
  public double least() {
    return counts.stream().mapToLong(Long::longValue).min().orElse(0)
        / (double) Math.max(1, total());
  }

  /** Standard deviation of the loads over their average: 0 is perfect balance. */
  public double variation() {
    double squares = 0;
    for (int expert = 0; expert < counts.size(); expert++) {
      double deviation = share(expert) * counts.size() - 1;
      squares += deviation * deviation;
    }
    return Math.sqrt(squares / counts.size());
  }

  /** exp of the entropy of the shares: as many equally busy experts would be as unpredictable. */
  public double effectiveExperts() {
    double entropy = 0;
    for (int expert = 0; expert < counts.size(); expert++) {
      double share = share(expert);
      if (share > 0) {
        entropy -= share * Math.log(share);
      }
    }
    return Math.exp(entropy);
  }

  /** Experts that were never chosen. */
  public long unused() {
    return counts.stream().filter(count -> count == 0).count();
  }
}
