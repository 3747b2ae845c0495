package org.espalier.benchmarks;

import java.util.Random;
import java.util.concurrent.TimeUnit;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What a tile of 16 × 16 weights would take if it had been expanded to bytes: nanoseconds of one
 * thread for its product with one row of activations, from memory or from the cache. To be compared
 * with {@link QtipKernelBenchmark}, and run with {@code -t 1} and {@code -t 2}, for threads share
 * the memory.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 400, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 30, time = 60, timeUnit = TimeUnit.MILLISECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules", "jdk.incubator.vector", "-Xmx2g"})
public class ExpandedTileBenchmark {
  private static final int TILE_BYTES = 256;

  /** Tiles of one invocation: a matrix of 1024 × 2048. */
  private static final int TILES = 8192;

  private static final int ROW_TILES = 128;

  /** Matrices in turn: 1 stays in the second cache or the third, 200 are 420 MB. */
  @Param({"1", "200"})
  public int matrices;

  private byte[] weights = {};
  private short[] factors = {};
  private final int[] sums = new int[32];
  private int matrix;

  /** Random weights and factors. */
  @Setup
  public void fill() {
    Random random = new Random(1);
    weights = new byte[matrices * TILES * TILE_BYTES];
    random.nextBytes(weights);
    factors = new short[ROW_TILES * 16];
    for (int i = 0; i < factors.length; i++) {
      factors[i] = (short) (random.nextInt(120) - 60);
    }
  }

  /** One tile. */
  @Benchmark
  @OperationsPerInvocation(TILES)
  public int tile() {
    matrix = (matrix + 1) % matrices;
    int from = matrix * TILES * TILE_BYTES;
    int total = 0;
    for (int row = 0; row < TILES; row += ROW_TILES) {
      multiply(weights, from + row * TILE_BYTES, factors, sums);
      total += sums[0];
    }
    return total;
  }

  /** A row of tiles: even and odd bytes of a word have factors of their own. */
  private static void multiply(byte[] w, int from, short[] x, int[] sums) {
    IntVector low = IntVector.zero(IntVector.SPECIES_512);
    IntVector high = low;
    for (int tile = 0; tile < ROW_TILES; tile++) {
      int at = from + tile * TILE_BYTES;
      for (int half = 0; half < 2; half++) {
        int k = tile * 16 + half * 8;
        ShortVector a =
            ByteVector.fromArray(ByteVector.SPECIES_512, w, at + half * 128).reinterpretAsShorts();
        ShortVector b =
            ByteVector.fromArray(ByteVector.SPECIES_512, w, at + half * 128 + 64)
                .reinterpretAsShorts();
        IntVector sum =
            a.mul(x[k])
                .add(a.lanewise(VectorOperators.ASHR, 8).mul(x[k + 1]))
                .add(b.mul(x[k + 2]))
                .add(b.lanewise(VectorOperators.ASHR, 8).mul(x[k + 3]))
                .reinterpretAsInts();
        low = low.add(sum.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16));
        high = high.add(sum.lanewise(VectorOperators.ASHR, 16));
      }
    }
    low.intoArray(sums, 0);
    high.intoArray(sums, 16);
  }
}
