package org.espalier.backend.cpu.workers;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A fixed set of threads that run the phases of a forward pass. A token takes some hundred phases
 * of 10 to 300 µs, so handing out work must cost about one microsecond: idle workers spin for a
 * while before they park, and a phase is published by one volatile write.
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

  private static final int SPINS_BEFORE_YIELD = 2_000;
  private static final int SPINS_BEFORE_PARK = 20_000;

  private static final VarHandle TICKET;
  private static final VarHandle REMAINING;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      TICKET = lookup.findVarHandle(WorkerPool.class, "ticket", long.class);
      REMAINING = lookup.findVarHandle(WorkerPool.class, "remaining", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final Thread[] threads;
  private final Parking[] parkings;
  private volatile boolean closed;

  /**
   * Epoch (24 bits), count (20) and next index (20) in one word, so that a worker that wakes late
   * can never claim a piece of a phase that is over: its compare-and-set fails.
   */
  @SuppressWarnings("unused") // through TICKET
  private volatile long ticket;

  @SuppressWarnings("unused") // through REMAINING
  private volatile int remaining;

  private @Nullable Task task;
  private volatile @Nullable Throwable failure;

  /** Whether a worker sleeps; padded by being an object of its own. */
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
    task = phase;
    REMAINING.setVolatile(this, count);
    long epoch = ((long) TICKET.getVolatile(this) >>> 40) + 1;
    TICKET.setVolatile(this, epoch << 40 | (long) count << 20);
    for (int i = 0; i < threads.length; i++) {
      if (parkings[i].parked) {
        LockSupport.unpark(threads[i]);
      }
    }
    while (runOne(0)) {
      // as long as there are pieces
    }
    for (int spins = 0; (int) REMAINING.getVolatile(this) > 0; spins++) {
      pause(spins);
    }
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

  /** Claims and runs one piece; false when there is none. */
  private boolean runOne(int worker) {
    while (true) {
      long now = (long) TICKET.getVolatile(this);
      int count = (int) (now >>> 20) & MAXIMUM_COUNT;
      int next = (int) now & MAXIMUM_COUNT;
      if (next >= count) {
        return false;
      }
      if (TICKET.compareAndSet(this, now, now + 1)) {
        // The phase cannot end before this piece does, so the field still belongs to it.
        Task current = task;
        try {
          if (current != null) {
            current.run(next, worker);
          }
        } catch (Throwable e) {
          if (failure == null) {
            failure = e;
          }
        } finally {
          REMAINING.getAndAdd(this, -1);
        }
        return true;
      }
    }
  }

  private void serve(int worker, Parking parking) {
    int spins = 0;
    while (!closed) {
      if (runOneOf(worker)) {
        spins = 0;
      } else if (spins++ < SPINS_BEFORE_PARK) {
        pause(spins);
      } else {
        long seen = (long) TICKET.getVolatile(this);
        parking.parked = true;
        // Whoever publishes after this check sees the flag; whoever did before changed the ticket.
        if (seen == (long) TICKET.getVolatile(this) && !closed) {
          LockSupport.park(this);
        }
        parking.parked = false;
        spins = 0;
      }
    }
  }

  /**
   * As {@link #runOne}; a fault in mapped memory may be told a moment after the piece has ended.
   */
  private boolean runOneOf(int worker) {
    try {
      return runOne(worker);
    } catch (InternalError e) {
      if (failure == null) {
        failure = e;
      }
      return true;
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
