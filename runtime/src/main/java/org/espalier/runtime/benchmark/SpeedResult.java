package org.espalier.runtime.benchmark;

import java.util.List;

/**
 * The timings of one test.
 *
 * @param test what was timed
 * @param nanos of each repetition
 */
public record SpeedResult(SpeedTest test, List<Long> nanos) {
  public SpeedResult {
    nanos = List.copyOf(nanos);
    if (nanos.isEmpty()) {
      throw new IllegalArgumentException("a result needs at least one repetition");
    }
  }

  /** Tokens per second of each repetition. */
  public List<Double> rates() {
    return nanos.stream().map(nano -> test.tokens() * 1e9 / nano).toList();
  }

  /** Mean of the rates. */
  public double meanRate() {
    return mean(rates());
  }

  /** Standard deviation of the rates (n − 1); 0 for a single repetition. */
  public double rateDeviation() {
    return deviation(rates());
  }

  /** Mean of the times. */
  public double meanNanos() {
    return mean(nanos.stream().map(Long::doubleValue).toList());
  }

  /** Standard deviation of the times (n − 1); 0 for a single repetition. */
  public double nanosDeviation() {
    return deviation(nanos.stream().map(Long::doubleValue).toList());
  }

  private static double mean(List<Double> values) {
    return values.stream().mapToDouble(Double::doubleValue).sum() / values.size();
  }

  private static double deviation(List<Double> values) {
    if (values.size() < 2) {
      return 0;
    }
    double mean = mean(values);
    double squares = values.stream().mapToDouble(v -> (v - mean) * (v - mean)).sum();
    return Math.sqrt(squares / (values.size() - 1));
  }
}
