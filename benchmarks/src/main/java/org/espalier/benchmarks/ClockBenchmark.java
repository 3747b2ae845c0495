package org.espalier.benchmarks;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The length of a clock cycle: additions of which each waits for the one before take one cycle
 * each. Take the least of the iterations, and divide other benchmarks' least times by it.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 200, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 20, time = 50, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
public class ClockBenchmark {
  private static final int STEPS = 100_000;

  private long seed = 1;

  /** One cycle. */
  @Benchmark
  @OperationsPerInvocation(4 * STEPS)
  public long cycle() {
    long sum = seed;
    long odd = seed | 1;
    for (int i = 0; i < STEPS; i++) {
      // Exclusive ors keep the compiler from adding it all up at once.
      sum = (sum + odd) ^ i;
      sum = (sum + odd) ^ odd;
    }
    seed = sum;
    return sum;
  }
}
