package org.espalier.backend.cpu.qtip;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.KernelInput;
import org.espalier.backend.cpu.spi.Scratch;
import org.jspecify.annotations.Nullable;

/**
 * Finds the fastest of several kernels that must give the same bits, in a background thread, and
 * leaves it compiled. Vector code runs a hundred times slower than scalar code until C2 has
 * compiled it, and stays so where an instruction is missing: only trying tells.
 *
 * <p>Which kernel wins changes no result, because a kernel takes part only if it agrees with the
 * scalar one bit by bit.
 */
final class WarmUp {
  /** Boxed vectors take more than 5 µs per tile, compiled ones less than 0.1 on any CPU. */
  private static final double COMPILED_NANOS_PER_TILE = 600;

  private static final long LONGEST_NANOS = TimeUnit.SECONDS.toNanos(30);

  /** How long a caller waits for the outcome, rather than run the scalar kernel meanwhile. */
  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(10);

  private static final int TIMED_RUNS = 20;

  private final CompletableFuture<Outcome> outcome = new CompletableFuture<>();
  private final long patienceEnds = System.nanoTime() + PATIENCE_NANOS;

  /**
   * How it ended.
   *
   * @param winner index of the fastest kernel, −1 if none is both right and fast
   * @param conclusive whether trying again would be no use
   * @param message how each kernel did
   */
  record Outcome(int winner, boolean conclusive, String message) {}

  /**
   * Starts at once.
   *
   * @param candidates kernels for the real linear, whose first outputs are computed again and again
   * @param inputs of that linear
   * @param samples the same kernels, for a small linear of random weights that {@code sample} is
   *     for too
   * @param sample scalar
   * @param sampleInputs inputs of the small linear; it has 16 outputs
   */
  WarmUp(
      List<CpuKernel> candidates,
      int inputs,
      List<CpuKernel> samples,
      CpuKernel sample,
      int sampleInputs) {
    Thread.ofPlatform()
        .daemon()
        .name("espalier-warm-up")
        .start(() -> {
          try {
            outcome.complete(run(candidates, inputs, samples, sample, sampleInputs));
          } catch (RuntimeException e) {
            // Such as weights that were closed meanwhile.
            outcome.complete(new Outcome(-1, false, "its self-test ended early: " + e));
          }
        });
  }

  /** The outcome, or null while there is none. */
  @Nullable Outcome outcome() {
    return outcome.getNow(null);
  }

  /** The winner, or −1 if there is none or it has not been found within a reasonable wait. */
  int winner() {
    try {
      Outcome now = outcome.getNow(null);
      long wait = patienceEnds - System.nanoTime();
      if (now == null && wait > 0) {
        now = outcome.get(wait, TimeUnit.NANOSECONDS);
      }
      return now == null ? -1 : now.winner();
    } catch (TimeoutException e) {
      return -1;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return -1;
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Outcome run(
      List<CpuKernel> candidates,
      int inputs,
      List<CpuKernel> samples,
      CpuKernel sample,
      int sampleInputs) {
    float[] expected = new Trial(sample, sampleInputs, 5).run();
    int winner = -1;
    double best = COMPILED_NANOS_PER_TILE;
    StringBuilder message = new StringBuilder();
    for (int i = 0; i < candidates.size(); i++) {
      String name = candidates.get(i).name();
      message.append(message.isEmpty() ? "" : "; ").append(name);
      if (!Arrays.equals(expected, new Trial(samples.get(i), sampleInputs, 5).run())) {
        message.append(" gave wrong results in its self-test");
        continue;
      }
      double nanos = warm(candidates.get(i), inputs) / (inputs / 16.0);
      message.append(" takes ").append(Math.round(nanos)).append(" ns per tile");
      if (nanos < best) {
        best = nanos;
        winner = i;
      }
    }
    return new Outcome(winner, true, message.toString());
  }

  /** Runs a kernel until it is compiled or time is up; the shortest time for one row. */
  private static double warm(CpuKernel kernel, int inputs) {
    Trial one = new Trial(kernel, inputs, 1);
    Trial several = new Trial(kernel, inputs, 3);
    double limit = COMPILED_NANOS_PER_TILE * (inputs / 16.0);
    long end = System.nanoTime() + LONGEST_NANOS;
    double best = Double.MAX_VALUE;
    for (int compiled = 0; compiled < TIMED_RUNS && System.nanoTime() < end; ) {
      double nanos = one.time();
      double nanosOfThree = several.time();
      best = Math.min(best, nanos);
      compiled += nanos < limit && nanosOfThree < 3 * limit ? 1 : 0;
    }
    return best;
  }

  /** One kernel with rows of random activations. */
  private static final class Trial {
    private final CpuKernel kernel;
    private final KernelInput input;
    private final int rows;
    private final float[] y;
    private final Scratch scratch = new Scratch();

    Trial(CpuKernel kernel, int inputs, int rows) {
      this.kernel = kernel;
      this.rows = rows;
      this.y = new float[rows * kernel.outputBlock()];
      this.input = KernelInput.allocate(rows, kernel.inputBytes(), kernel.inputFloats());
      float[] x = new float[inputs];
      SplittableRandom random = new SplittableRandom(5);
      for (int row = 0; row < rows; row++) {
        for (int i = 0; i < inputs; i++) {
          x[i] = (float) random.nextDouble(-1, 1);
        }
        kernel.prepare(x, 0, input, row);
      }
    }

    float[] run() {
      kernel.multiply(
          0, 0, kernel.outputBlock(), input, 0, rows, y, 0, kernel.outputBlock(), scratch);
      return y;
    }

    long time() {
      long start = System.nanoTime();
      run();
      return System.nanoTime() - start;
    }
  }
}
