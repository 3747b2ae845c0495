package org.espalier.server.scheduling;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * A submission: some texts that were asked for together. The scheduler never waits for whoever
 * reads the events; at most one for every token of the texts can pile up.
 */
public final class Ticket implements AutoCloseable {
  private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
  private final long submitted = System.nanoTime();
  private volatile boolean cancelled;

  // The rest belongs to the scheduler.

  /** Texts that have not begun. */
  final Deque<Waiting> waiting = new ArrayDeque<>();

  /** Texts that have begun and not ended. */
  int active;

  /** When the first text began; 0 before. */
  long begun;

  /** One text that waits. */
  record Waiting(int choice, SequenceRequest request) {}

  Ticket(List<SequenceRequest> requests) {
    for (int i = 0; i < requests.size(); i++) {
      waiting.add(new Waiting(i, requests.get(i)));
    }
  }

  /** The next event, if one comes in time. */
  public Optional<Event> next(Duration patience) throws InterruptedException {
    return Optional.ofNullable(events.poll(patience.toNanos(), TimeUnit.NANOSECONDS));
  }

  /** Says that nobody waits for the texts any more; they end before the next pass. */
  public void cancel() {
    cancelled = true;
  }

  /** Cancels what has not ended. */
  @Override
  public void close() {
    cancel();
  }

  boolean isCancelled() {
    return cancelled;
  }

  long submitted() {
    return submitted;
  }

  void tell(Event event) {
    events.add(event);
  }
}
