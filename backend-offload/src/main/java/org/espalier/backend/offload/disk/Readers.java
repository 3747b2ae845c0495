package org.espalier.backend.offload.disk;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Threads that read. What somebody waits for goes first; what is read ahead goes when nobody waits,
 * and can be withdrawn until it has begun. Several threads, because a disk is at its fastest with
 * several requests at once.
 */
public final class Readers implements AutoCloseable {
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition work = lock.newCondition();
  private final Deque<Job> urgent = new ArrayDeque<>();
  private final Deque<Job> ahead = new ArrayDeque<>();
  private final List<Thread> threads = new ArrayList<>();
  private boolean closed;
  private int active;
  private long activeSince;
  private long activeNanos;

  /** One read. It reports failures itself and throws nothing. */
  @FunctionalInterface
  public interface Job {
    /** Does it, with working memory of the thread. */
    void run(ReadBuffer buffer);
  }

  /** Starts threads. */
  public Readers(int count) {
    for (int i = 0; i < count; i++) {
      threads.add(Thread.ofPlatform().daemon().name("espalier-read-" + i).start(this::serve));
    }
  }

  /** Hands jobs over, to be done in this order. */
  public void submit(List<? extends Job> jobs, boolean isUrgent) {
    lock.lock();
    try {
      for (Job job : jobs) {
        (isUrgent ? urgent : ahead).addLast(job);
        work.signal();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Takes a job that was to be done ahead back; false when it has begun already. */
  public boolean withdraw(Job job) {
    lock.lock();
    try {
      return ahead.remove(job);
    } finally {
      lock.unlock();
    }
  }

  private void serve() {
    try (ReadBuffer buffer = new ReadBuffer()) {
      Job job = next(false);
      while (job != null) {
        job.run(buffer);
        job = next(true);
      }
    }
  }

  /** How long at least one read was under way. */
  public long activeNanos() {
    lock.lock();
    try {
      return activeNanos + (active > 0 ? System.nanoTime() - activeSince : 0);
    } finally {
      lock.unlock();
    }
  }

  private @Nullable Job next(boolean hasEnded) {
    lock.lock();
    try {
      if (hasEnded && --active == 0) {
        activeNanos += System.nanoTime() - activeSince;
      }
      while (true) {
        if (closed) {
          return null;
        }
        Job job = urgent.isEmpty() ? ahead.pollFirst() : urgent.pollFirst();
        if (job != null) {
          if (active++ == 0) {
            activeSince = System.nanoTime();
          }
          return job;
        }
        work.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Ends the threads after what they are doing; the rest is dropped. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      work.signalAll();
    } finally {
      lock.unlock();
    }
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
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
