package org.espalier.server.load;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Many durations, of which quantiles are wanted. Precise to 5 %; takes the same room for any
 * number.
 */
final class Durations {
  private static final double RATIO = Math.log(1.05);
  private static final double SHORTEST_NANOS = 1e3;
  private static final int BUCKETS = 500;

  private final AtomicLongArray counts = new AtomicLongArray(BUCKETS);

  void add(long nanos) {
    double steps = Math.log(Math.max(nanos, SHORTEST_NANOS) / SHORTEST_NANOS) / RATIO;
    counts.incrementAndGet(Math.min(BUCKETS - 1, (int) steps));
  }

  long count() {
    long sum = 0;
    for (int i = 0; i < BUCKETS; i++) {
      sum += counts.get(i);
    }
    return sum;
  }

  /** In milliseconds; 0 where there are none. */
  double quantile(double share) {
    long wanted = (long) Math.ceil(share * count());
    long seen = 0;
    for (int i = 0; i < BUCKETS && wanted > 0; i++) {
      seen += counts.get(i);
      if (seen >= wanted) {
        return SHORTEST_NANOS * Math.exp(RATIO * (i + 0.5)) / 1e6;
      }
    }
    return 0;
  }
}
