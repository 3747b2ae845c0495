package org.espalier.backend.cpu.qtip;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.KernelInput;
import org.espalier.backend.cpu.spi.Scratch;
import org.jspecify.annotations.Nullable;

/**
 * Finds the fastest of several kernels that must give the same bits, in a background thread, and
 * leaves it compiled. Vector code runs a hundred times slower than scalar code until C2 has
 * compiled it, and stays so where an instruction is missing: only trying tells.
 *
 * <p>A large model is worth that at once. With a small one the scalar kernel has often done all
 * there is to do before C2 would be ready, so others are tried only when it has done a good deal.
 *
 * <p>Which kernel wins changes no result, because a kernel takes part only if it agrees with the
 * scalar one bit by bit.
 */
final class WarmUp {
  /** Boxed vectors take more than 5 µs per tile, compiled ones less than 0.1 on any CPU. */
  private static final double COMPILED_NANOS_PER_TILE = 600;

  /** When a kernel is given up, in time that it had for itself. */
  private static final long LONGEST_NANOS = TimeUnit.SECONDS.toNanos(20);

  /**
   * How long callers wait, from the start, rather than run the scalar kernel meanwhile: that one is
   * so much slower, above all with many rows, that waiting pays.
   */
  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(20);

  private static final int TIMED_RUNS = 20;

  /** One row and three rows together take so many times what one row takes, and rarely more. */
  private static final int USUAL_SPREAD = 12;

  /** The first compiler begins at 200 calls. */
  private static final int PRIMING_CALLS = 220;

  /** Tiles, once per row, that the scalar kernel may still multiply before others are tried. */
  private final AtomicLong left;

  private final AtomicBoolean begun = new AtomicBoolean();
  private final CountDownLatch usable = new CountDownLatch(1);
  private final CountDownLatch over = new CountDownLatch(1);
  private volatile @Nullable Outcome outcome;

  /** Until when callers wait rather than run the scalar kernel meanwhile. */
  private volatile long patienceEnds = System.nanoTime();

  /**
   * How it stands. The first kernel that is right and fast is used while the others are tried.
   *
   * @param winner index of the fastest kernel so far, −1 if none is both right and fast
   * @param conclusive whether trying again would be no use
   * @param message how each kernel did
   */
  record Outcome(int winner, boolean conclusive, String message) {}

  /**
   * What is tried.
   *
   * @param candidates kernels for a real linear, whose first outputs are computed again and again
   * @param inputs of that linear
   * @param samples the same kernels, for a small linear of random weights that {@code sample} is
   *     for too
   * @param sample scalar
   * @param sampleInputs inputs of the small linear; it has 16 outputs
   * @param primers the same kernels again, for a linear of a single tile
   */
  record Entrants(
      List<CpuKernel> candidates,
      int inputs,
      List<CpuKernel> samples,
      CpuKernel sample,
      int sampleInputs,
      List<CpuKernel> primers) {}

  /**
   * Waits for a reason to begin.
   *
   * @param credit tiles, once per row, that are left to the scalar kernel
   */
  WarmUp(long credit) {
    this.left = new AtomicLong(credit);
  }

  /** Begins, if it has not; from now on callers of {@link #winner} wait. */
  void beginAtOnce(Supplier<Entrants> entrants) {
    if (begin(entrants)) {
      patienceEnds = System.nanoTime() + PATIENCE_NANOS;
    }
  }

  private boolean begin(Supplier<Entrants> entrants) {
    if (!begun.compareAndSet(false, true)) {
      return false;
    }
    Entrants all = entrants.get();
    Thread.ofPlatform().daemon().name("espalier-warm-up").start(() -> run(all));
    return true;
  }

  private void run(Entrants all) {
    try {
      tryAll(all);
    } catch (RuntimeException | InternalError e) {
      // Such as weights that were closed meanwhile, or whose file was truncated.
      outcome = new Outcome(-1, false, "its self-test ended early: " + e);
    } finally {
      usable.countDown();
      over.countDown();
    }
  }

  /** The outcome so far, or null while no kernel can be used. */
  @Nullable Outcome outcome() {
    return outcome;
  }

  /** The outcome when all kernels were tried, or null if that takes unreasonably long. */
  @Nullable Outcome conclusion(Supplier<Entrants> entrants) {
    begin(entrants);
    await(over, PATIENCE_NANOS);
    return outcome;
  }

  /**
   * The winner so far, or −1 if there is none yet, or it has not been found within a reasonable
   * wait.
   *
   * @param work tiles, once per row, that are about to be multiplied
   * @param entrants to be tried now that so much has been done
   */
  int winner(long work, Supplier<Entrants> entrants) {
    Outcome now = outcome;
    if (now == null && !begun.get() && left.addAndGet(-work) < 0) {
      begin(entrants);
    }
    if (now == null && begun.get()) {
      await(usable, patienceEnds - System.nanoTime());
      now = outcome;
    }
    return now == null ? -1 : now.winner();
  }

  private static void await(CountDownLatch latch, long nanos) {
    try {
      if (nanos > 0) {
        latch.await(nanos, TimeUnit.NANOSECONDS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void tryAll(Entrants all) {
    float[] expected = new Trial(all.sample, all.sampleInputs, 5).run();
    int winner = -1;
    double best = COMPILED_NANOS_PER_TILE;
    StringBuilder message = new StringBuilder();
    for (int i = 0; i < all.candidates.size(); i++) {
      String name = all.candidates.get(i).name();
      message.append(message.isEmpty() ? "" : "; ").append(name);
      if (!Arrays.equals(expected, new Trial(all.samples.get(i), all.sampleInputs, 5).run())) {
        message.append(" gave wrong results in its self-test");
        continue;
      }
      prime(all.primers.get(i));
      double nanos = warm(all.candidates.get(i), all.inputs) / (all.inputs / 16.0);
      message.append(" takes ").append(Math.round(nanos)).append(" ns per tile");
      if (nanos < best) {
        best = nanos;
        winner = i;
        outcome = new Outcome(winner, true, message.toString());
        usable.countDown();
      }
    }
    outcome = new Outcome(winner, true, message.toString());
  }

  /**
   * Calls a kernel often enough for the first compiler to take notice. Interpreted vector code
   * takes a millisecond per tile, so one tile per call must do until then.
   */
  private static void prime(CpuKernel primer) {
    Trial one = new Trial(primer, QtipCore.TILE, 1);
    Trial several = new Trial(primer, QtipCore.TILE, 3);
    for (int i = 0; i < PRIMING_CALLS; i++) {
      one.run();
      several.run();
    }
  }

  /** Runs a kernel until it is compiled or time is up; the shortest time for one row. */
  private static double warm(CpuKernel kernel, int inputs) {
    Trial one = new Trial(kernel, inputs, 1);
    Trial several = new Trial(kernel, inputs, 3);
    double limit = COMPILED_NANOS_PER_TILE * (inputs / 16.0);
    double spent = 0;
    double best = Double.MAX_VALUE;
    for (int compiled = 0; compiled < TIMED_RUNS && spent < LONGEST_NANOS; ) {
      double nanos = one.time();
      double nanosOfThree = several.time();
      best = Math.min(best, nanos);
      // Time in which the process stood still, or had to wait for its turn, is not the kernel's.
      spent += Math.min(nanos + nanosOfThree, USUAL_SPREAD * best);
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
