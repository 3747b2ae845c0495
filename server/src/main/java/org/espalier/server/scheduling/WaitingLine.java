package org.espalier.server.scheduling;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.espalier.server.scheduling.Refusal.Reason;
import org.jspecify.annotations.Nullable;

/**
 * Submissions that wait for their turn. Those of several texts give one of them at a time and stand
 * at the end again, so that a large submission delays a small one by one text only.
 */
final class WaitingLine {
  private final int capacity;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Deque<Ticket> tickets = new ArrayDeque<>();
  private boolean closed;

  WaitingLine(int capacity) {
    this.capacity = capacity;
  }

  /**
   * Stands at the end.
   *
   * @param retryAfterSeconds to tell whoever finds the line full
   */
  void join(Ticket ticket, int retryAfterSeconds) {
    lock.lock();
    try {
      if (closed) {
        throw new Refusal(Reason.STOPPING, "the server is stopping", retryAfterSeconds);
      }
      if (tickets.size() >= capacity) {
        throw new Refusal(
            Reason.FULL,
            "%d requests are waiting already, which is the limit: try again in %d s"
                .formatted(capacity, retryAfterSeconds),
            retryAfterSeconds);
      }
      tickets.add(ticket);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Whether anyone waits. */
  boolean isEmpty() {
    return size() == 0;
  }

  int size() {
    lock.lock();
    try {
      return tickets.size();
    } finally {
      lock.unlock();
    }
  }

  /** Takes those out that have given up or waited since before a point in time. */
  List<Ticket> removeStale(long submittedBefore) {
    lock.lock();
    try {
      List<Ticket> stale = new ArrayList<>();
      tickets.removeIf(ticket -> {
        boolean late = ticket.begun == 0 && ticket.submitted() - submittedBefore < 0;
        boolean remove = ticket.isCancelled() || late;
        if (remove) {
          stale.add(ticket);
        }
        return remove;
      });
      return stale;
    } finally {
      lock.unlock();
    }
  }

  /** Takes everyone out. */
  List<Ticket> removeAll() {
    lock.lock();
    try {
      List<Ticket> all = List.copyOf(tickets);
      tickets.clear();
      return all;
    } finally {
      lock.unlock();
    }
  }

  /** Takes the first out, to be served or put back. */
  @Nullable Ticket first() {
    lock.lock();
    try {
      return tickets.pollFirst();
    } finally {
      lock.unlock();
    }
  }

  /** Lets one that is not done wait again, at the front or at the end. */
  void putBack(Ticket ticket, boolean atFront) {
    lock.lock();
    try {
      if (atFront) {
        tickets.addFirst(ticket);
      } else {
        tickets.addLast(ticket);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Waits until someone is there or the line is closed. */
  void await(long nanos) throws InterruptedException {
    lock.lock();
    try {
      long left = nanos;
      while (tickets.isEmpty() && !closed && left > 0) {
        left = changed.awaitNanos(left);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Lets nobody join any more. */
  void close() {
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  boolean isClosed() {
    lock.lock();
    try {
      return closed;
    } finally {
      lock.unlock();
    }
  }
}
