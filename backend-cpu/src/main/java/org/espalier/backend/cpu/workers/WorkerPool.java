package org.espalier.backend.cpu.workers;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A fixed set of threads that run the phases of a forward pass. A token takes some hundred phases
 * of 10 to 300 µs, so handing out work must cost about one microsecond: idle workers spin for a
 * while before they park.
 *
 * <p>Each worker has a range of neighbouring pieces, which it does in order, because neighbouring
 * pieces read neighbouring memory; one that has finished takes pieces from the ends of the others'
 * ranges.
 *
 * <p>The thread that calls {@link #run} is worker 0. One phase runs at a time.
 */
public final class WorkerPool implements AutoCloseable {

  /** One phase: indexed pieces of work that may run in any order and on any worker. */
  @FunctionalInterface
  public interface Task {
    /**
     * Does one piece.
     *
     * @param index from 0 to the phase's count − 1
     * @param worker from 0 to {@link WorkerPool#size()} − 1; no other piece runs on it meanwhile
     */
    void run(int index, int worker);
  }

  /** Most pieces of one phase: {@value}. */
  public static final int MAXIMUM_COUNT = (1 << 20) - 1;

  /** Some 30 µs of spinning, which bridges the gaps between the phases of a token. */
  private static final int SPINS_BEFORE_YIELD = 1_000;

  /** Then the processor is offered to others for some 100 µs, and then left. */
  private static final int SPINS_BEFORE_PARK = SPINS_BEFORE_YIELD + 200;

  private static final VarHandle REMAINING;
  private static final VarHandle RANGE;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      REMAINING = lookup.findVarHandle(WorkerPool.class, "remaining", int.class);
      RANGE = MethodHandles.arrayElementVarHandle(long[].class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** Longs from one worker's range to the next: two cache lines, as CPUs fetch them in pairs. */
  private static final int STRIDE = 16;

  private final Thread[] threads;
  private final Parking[] parkings;
  private final Parking callerParking = new Parking();
  private volatile boolean closed;

  /**
   * A range for each worker: epoch (24 bits), next piece (20) and end (20) in one word, so that a
   * worker that wakes late can never claim a piece of a phase that is over: its compare-and-set
   * fails.
   */
  private final long[] ranges;

  private int epoch;

  @SuppressWarnings("unused") // through REMAINING
  private volatile int remaining;

  private @Nullable Task task;
  private @Nullable Thread caller;
  private volatile @Nullable Throwable failure;

  /** Whether a thread sleeps; padded by being an object of its own. */
  private static final class Parking {
    volatile boolean parked;
  }

  /**
   * Starts the threads.
   *
   * @param size workers, the calling thread included
   */
  public WorkerPool(int size) {
    if (size < 1) {
      throw new IllegalArgumentException("at least one worker is needed: " + size);
    }
    threads = new Thread[size - 1];
    parkings = new Parking[size - 1];
    ranges = new long[(size + 1) * STRIDE];
    for (int i = 0; i < threads.length; i++) {
      int worker = i + 1;
      Parking parking = new Parking();
      parkings[i] = parking;
      threads[i] =
          Thread.ofPlatform()
              .name("espalier-cpu-" + worker)
              .daemon()
              .unstarted(() -> serve(worker, parking));
    }
    for (Thread thread : threads) {
      thread.start();
    }
  }

  /** Workers, the calling thread included. */
  public int size() {
    return threads.length + 1;
  }

  /**
   * Runs all pieces of a phase and returns when they are done.
   *
   * @param count pieces, at most {@link #MAXIMUM_COUNT}
   * @throws RuntimeException or Error of the first piece that failed
   */
  public void run(int count, Task phase) {
    if (count <= 1 || threads.length == 0) {
      for (int i = 0; i < count; i++) {
        phase.run(i, 0);
      }
      return;
    }
    if (count > MAXIMUM_COUNT) {
      throw new IllegalArgumentException("too many pieces: " + count);
    }
    publish(count, phase);
    work(0);
    await();
    Throwable failed = failure;
    if (failed != null) {
      failure = null;
      switch (failed) {
        case RuntimeException e -> throw e;
        case Error e -> throw e;
        default -> throw new IllegalStateException(failed);
      }
    }
  }

  private void publish(int count, Task phase) {
    task = phase;
    caller = Thread.currentThread();
    REMAINING.setVolatile(this, count);
    epoch++;
    int size = size();
    for (int worker = size - 1; worker >= 0; worker--) {
      long from = (long) count * worker / size;
      long to = (long) count * (worker + 1) / size;
      RANGE.setVolatile(ranges, slot(worker), (long) epoch << 40 | from << 20 | to);
    }
    for (int i = 0; i < threads.length; i++) {
      if (parkings[i].parked) {
        LockSupport.unpark(threads[i]);
      }
    }
  }

  /** Waits until the others have finished what they claimed. */
  private void await() {
    for (int spins = 0; (int) REMAINING.getVolatile(this) > 0; spins++) {
      if (spins < SPINS_BEFORE_PARK) {
        pause(spins);
      } else {
        callerParking.parked = true;
        // Whoever finishes after this check sees the flag.
        if ((int) REMAINING.getVolatile(this) > 0) {
          LockSupport.park(this);
        }
        callerParking.parked = false;
      }
    }
  }

  private static int slot(int worker) {
    return (worker + 1) * STRIDE;
  }

  /** Does all pieces that are to be had. */
  private void work(int worker) {
    boolean done = false;
    while (!done) {
      done = drain(worker);
    }
  }

  /**
   * Does pieces: one's own from the front, then others' from the back. A fault in mapped memory may
   * be told a moment after the piece that met it, outside of it; pieces count as soon as they are
   * claimed, so that none is waited for in vain.
   *
   * @return false if a fault came between, and pieces may be left
   */
  private boolean drain(int worker) {
    int claimed = 0;
    try {
      for (int i = 0; i < size(); i++) {
        int owner = (worker + i) % size();
        for (int piece = claim(owner, i == 0); piece >= 0; piece = claim(owner, i == 0)) {
          claimed++;
          perform(piece, worker);
        }
      }
      return true;
    } catch (InternalError e) {
      if (failure == null) {
        failure = e;
      }
      return false;
    } finally {
      if (claimed > 0
          && (int) REMAINING.getAndAdd(this, -claimed) == claimed
          && callerParking.parked) {
        LockSupport.unpark(caller);
      }
    }
  }

  /** The first or the last piece of a range, or −1 if nothing is left. */
  private int claim(int worker, boolean first) {
    int slot = slot(worker);
    while (true) {
      long now = (long) RANGE.getVolatile(ranges, slot);
      int next = (int) (now >>> 20) & MAXIMUM_COUNT;
      int end = (int) now & MAXIMUM_COUNT;
      if (next >= end) {
        return -1;
      }
      if (RANGE.compareAndSet(ranges, slot, now, first ? now + (1 << 20) : now - 1)) {
        return first ? next : end - 1;
      }
    }
  }

  private void perform(int piece, int worker) {
    // The phase cannot end before this piece is counted, so the field still belongs to it.
    Task current = task;
    try {
      if (current != null) {
        current.run(piece, worker);
      }
    } catch (Throwable e) {
      if (failure == null) {
        failure = e;
      }
    }
  }

  private void serve(int worker, Parking parking) {
    int slot = slot(worker);
    long seen = 0;
    int spins = 0;
    while (!closed) {
      long epochNow = (long) RANGE.getVolatile(ranges, slot) >>> 40;
      if (epochNow != seen) {
        seen = epochNow;
        work(worker);
        spins = 0;
      } else if (spins++ < SPINS_BEFORE_PARK) {
        pause(spins);
      } else {
        parking.parked = true;
        // Whoever publishes after this check sees the flag; whoever did before changed the epoch.
        if (seen == (long) RANGE.getVolatile(ranges, slot) >>> 40 && !closed) {
          LockSupport.park(this);
        }
        parking.parked = false;
        spins = 0;
      }
    }
  }

  private static void pause(int spins) {
    if (spins < SPINS_BEFORE_YIELD) {
      Thread.onSpinWait();
    } else {
      Thread.yield();
    }
  }

  /** Ends the threads and waits for them. */
  @Override
  public void close() {
    closed = true;
    boolean interrupted = false;
    for (Thread thread : threads) {
      LockSupport.unpark(thread);
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
