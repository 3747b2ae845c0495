package org.espalier.runtime.benchmark;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/** Measures how fast this machine reads memory: the limit of generation. */
public final class MemoryBandwidth {
  /** Longs per thread: 64 MiB, beyond a core's share of any cache. */
  private static final int LENGTH = 8 << 20;

  private static final int SWEEPS = 8;

  private MemoryBandwidth() {}

  /**
   * The best of some sweeps over memory that no cache holds.
   *
   * @param threads that read at once
   * @return bytes per second
   */
  public static double measure(int threads) {
    List<Reader> readers = new ArrayList<>();
    for (int i = 0; i < threads; i++) {
      readers.add(new Reader());
    }
    double best = 0;
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
      best = Math.max(best, sweep(readers));
    }
    return best;
  }

  private static double sweep(List<Reader> readers) {
    CountDownLatch start = new CountDownLatch(1);
    List<Thread> threads = new ArrayList<>();
    for (Reader reader : readers) {
      threads.add(Thread.ofPlatform().daemon().start(() -> reader.read(start)));
    }
    long before = System.nanoTime();
    start.countDown();
    boolean interrupted = false;
    for (Thread thread : threads) {
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException _) {
          interrupted = true;
        }
      }
    }
    double seconds = (System.nanoTime() - before) / 1e9;
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return (double) readers.size() * LENGTH * Long.BYTES / seconds;
  }

  /** One thread's memory, and a sum that keeps the reading from being optimised away. */
  private static final class Reader {
    private final long[] memory = new long[LENGTH];
    private volatile long sum;

    void read(CountDownLatch start) {
      try {
        start.await();
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
        return;
      }
      long total = 0;
      for (int from = 0; from < LENGTH; from += 1 << 14) {
        total += sum(from);
      }
      sum = total;
    }

    private long sum(int from) {
      long total = 0;
      for (int i = from; i < from + (1 << 14); i++) {
        total += memory[i];
      }
      return total;
    }
  }
}
