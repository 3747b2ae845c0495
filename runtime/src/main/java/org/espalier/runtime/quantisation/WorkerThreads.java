package org.espalier.runtime.quantisation;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.espalier.api.math.Parallel;

/**
 * Runs pieces of work on a fixed number of threads, the calling one included. Pieces may themselves
 * run pieces: whoever waits has done all it could find first, and waits only for pieces that have
 * begun.
 */
public final class WorkerThreads implements Parallel, AutoCloseable {
  private final int threads;
  private final ThreadPoolExecutor helpers;

  /**
   * Threads for coarse pieces.
   *
   * @param threads at least 1
   */
  public WorkerThreads(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("at least one thread is needed: " + threads);
    }
    this.threads = threads;
    int others = Math.max(1, threads - 1);
    this.helpers =
        new ThreadPoolExecutor(
            others,
            others,
            0,
            TimeUnit.NANOSECONDS,
            new LinkedBlockingQueue<>(),
            Thread.ofPlatform().daemon().name("espalier-worker-", 1).factory());
  }

  /** How many threads there are. */
  public int threads() {
    return threads;
  }

  @Override
  public void run(int count, Task task) {
    if (count <= 1 || threads == 1) {
      SERIAL.run(count, task);
      return;
    }
    Phase phase = new Phase(count, task);
    Runnable help = phase::work;
    for (int i = 1; i < Math.min(threads, count); i++) {
      helpers.execute(help);
    }
    phase.work();
    // All pieces have begun. Calls for help that nobody has answered would keep what they work on
    // in
    // memory until a helper, busy with a piece from outside, comes to them.
    while (helpers.remove(help)) {}
    phase.await();
  }

  /** Calls for help that nobody has answered yet. */
  int unanswered() {
    return helpers.getQueue().size();
  }

  @Override
  public void close() {
    helpers.close();
  }

  /** The pieces of one call. */
  private static final class Phase {
    private final int count;
    private final Task task;
    private final AtomicInteger next = new AtomicInteger();
    private final CountDownLatch unfinished;
    private final AtomicReference<Throwable> failure = new AtomicReference<>();

    Phase(int count, Task task) {
      this.count = count;
      this.task = task;
      this.unfinished = new CountDownLatch(count);
    }

    void work() {
      for (int piece = next.getAndIncrement(); piece < count; piece = next.getAndIncrement()) {
        try {
          // After a failure the rest is only counted off.
          if (failure.get() == null) {
            task.run(piece);
          }
        } catch (RuntimeException | Error e) {
          failure.compareAndSet(null, e);
        } finally {
          unfinished.countDown();
        }
      }
    }

    void await() {
      boolean interrupted = false;
      while (true) {
        try {
          unfinished.await();
          break;
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
      switch (failure.get()) {
        case RuntimeException e -> throw e;
        case Error e -> throw e;
        case null, default -> {
          // all pieces succeeded
        }
      }
    }
  }
}
