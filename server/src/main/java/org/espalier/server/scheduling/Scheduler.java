package org.espalier.server.scheduling;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.Step;
import org.espalier.runtime.generation.FinishReason;
import org.espalier.server.scheduling.PassShares.Share;
import org.espalier.server.scheduling.Refusal.Reason;
import org.espalier.server.scheduling.Ticket.Waiting;
import org.jspecify.annotations.Nullable;

/**
 * Generates many texts at once. One thread owns the model: before every pass it lets texts in as
 * far as there is room, and every pass advances all of them, so that weights are read and decoded
 * once for all.
 */
public final class Scheduler implements AutoCloseable {
  private static final Logger LOG = System.getLogger(Scheduler.class.getName());
  private static final long IDLE_NANOS = 200_000_000;
  private static final int MOST_RETRY_SECONDS = 60;

  private final ServedModel model;
  private final Limits limits;
  private final RoutingRecorder routing;
  private final Counters counters;
  private final WaitingLine line;
  private final PassShares shares;
  private final Thread thread;
  private volatile boolean cancelAll;
  private volatile double secondsPerTicket = 1;

  // The rest belongs to the scheduler's thread.

  private final List<Sequence> active = new ArrayList<>();
  private final KeptSessions kept = new KeptSessions();
  private final CommonBeginnings beginnings;
  private final float[] logits;

  /** Starts the thread. The model must have been opened with {@code routing} as its observer. */
  public Scheduler(ServedModel model, Limits limits, RoutingRecorder routing, Counters counters) {
    if (limits.parallel() > model.batch()) {
      throw new InvalidRequest(
          "%d texts at a time do not fit into passes of %d rows: generate fewer, or raise the"
              .concat(" batch size")
              .formatted(limits.parallel(), model.batch()));
    }
    this.model = model;
    this.limits = limits;
    this.routing = routing;
    this.counters = counters;
    this.line = new WaitingLine(limits.waiting());
    this.shares = new PassShares(model.batch());
    this.beginnings = new CommonBeginnings(kept, counters);
    this.logits = new float[model.vocabulary()];
    this.thread = Thread.ofPlatform().name("scheduler").start(this::run);
  }

  /** Submissions that wait for their turn. */
  public int waiting() {
    return line.size();
  }

  /**
   * Submits some texts that belong together. Their events come through the ticket, which says so
   * too when nobody waits for them any more.
   *
   * @throws InvalidRequest when a text can never fit
   * @throws Refusal when it could not be taken in now
   */
  public Ticket submit(List<SequenceRequest> requests) {
    for (SequenceRequest request : requests) {
      check(request);
    }
    Ticket ticket = new Ticket(requests);
    try {
      line.join(ticket, retryAfterSeconds());
    } catch (Refusal refusal) {
      counters.refused.increment();
      throw refusal;
    }
    return ticket;
  }

  private void check(SequenceRequest request) {
    int prompt = request.prompt().length;
    if (prompt == 0) {
      throw new InvalidRequest("the prompt is empty: give at least one token");
    }
    if (prompt > model.contextLength()) {
      throw new InvalidRequest(
          "the prompt has %d tokens, but the context has room for %d: shorten the prompt"
              .formatted(prompt, model.contextLength()));
    }
    for (int token : request.prompt()) {
      if (token < 0 || token >= model.vocabulary()) {
        throw new InvalidRequest(
            "the prompt has token %d, but this model's tokens go from 0 to %d"
                .formatted(token, model.vocabulary() - 1));
      }
    }
    if (request.positions(model.contextLength()) > limits.positions()) {
      throw new InvalidRequest(
          "prompt and answer may take %d positions, but the server's memory has room for %d: ask"
              .concat(" for fewer tokens")
              .formatted(request.positions(model.contextLength()), limits.positions()));
    }
  }

  private int retryAfterSeconds() {
    double seconds = secondsPerTicket * (line.size() + 1) / limits.parallel();
    return (int) Math.clamp(Math.ceil(seconds), 1, MOST_RETRY_SECONDS);
  }

  /** Lets nothing new in, and waits until everything has ended or there is no more patience. */
  public boolean drain(Duration patience) throws InterruptedException {
    line.close();
    return thread.join(patience);
  }

  /** Ends everything, now. */
  @Override
  public void close() {
    line.close();
    cancelAll = true;
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException _) {
        interrupted = true; // a pass does not take long: sessions must not be used after this
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void run() {
    try {
      while (!cancelAll && !(line.isClosed() && active.isEmpty() && line.isEmpty())) {
        if (active.isEmpty()) {
          line.await(IDLE_NANOS);
        }
        turnAwayStale();
        admit();
        endOverdue();
        if (!active.isEmpty()) {
          pass();
        }
        publish();
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } finally {
      finish();
    }
  }

  private void finish() {
    line.close();
    Refusal stopping = new Refusal(Reason.STOPPING, "the server is stopping", 1);
    line.removeAll().forEach(ticket -> ticket.tell(new Event.Failed(stopping)));
    for (Sequence sequence : active) {
      sequence.end(FinishReason.CANCELLED);
      sequence.session().close();
    }
    active.clear();
    while (kept.dropOldest()) {
      // each in turn
    }
    publish();
  }

  private void publish() {
    counters.now(active.size(), kept.size(), reserved() + kept.positions());
  }

  private long reserved() {
    long sum = 0;
    for (Sequence sequence : active) {
      sum += sequence.positions();
    }
    return sum;
  }

  private void turnAwayStale() {
    long earliest = System.nanoTime() - limits.waitingTime().toNanos();
    for (Ticket ticket : line.removeStale(earliest)) {
      if (ticket.isCancelled()) {
        counters.cancelled.add(ticket.waiting.size());
      } else {
        counters.refused.increment();
        int seconds = retryAfterSeconds();
        ticket.tell(
            new Event.Failed(
                new Refusal(
                    Reason.WAITED_TOO_LONG,
                    "the server is busy: there was no room for the request within %d s"
                        .formatted(limits.waitingTime().toSeconds()),
                    seconds)));
      }
    }
  }

  private void admit() {
    while (active.size() < limits.parallel()) {
      Ticket ticket = line.first();
      if (ticket == null) {
        return;
      }
      Waiting next = ticket.waiting.element();
      if (!makeRoom(next.request().positions(model.contextLength()))) {
        line.putBack(ticket, true);
        return;
      }
      ticket.waiting.remove();
      if (!ticket.waiting.isEmpty()) {
        line.putBack(ticket, false);
      }
      begin(ticket, next);
    }
  }

  /** Gives up kept sessions until so many positions are free. */
  private boolean makeRoom(int positions) {
    long reserved = reserved();
    while (reserved + kept.positions() + positions > limits.positions()) {
      if (!kept.dropOldest()) {
        return false;
      }
    }
    return true;
  }

  private void begin(Ticket ticket, Waiting next) {
    SequenceRequest request = next.request();
    if (ticket.begun == 0) {
      ticket.begun = System.nanoTime();
    }
    if (request.isEmpty()) {
      int length = request.prompt().length;
      ticket.tell(new Event.Ended(next.choice(), FinishReason.LENGTH, "", length, 0, 0));
      return;
    }
    Session session = null;
    try {
      session = session(request);
      Sequence sequence = new Sequence(model, ticket, next.choice(), request, session);
      counters.reusedTokens.add(sequence.reused());
      ticket.active++;
      active.add(sequence);
    } catch (RuntimeException failure) {
      if (session != null) {
        session.close();
      }
      fail(ticket, failure);
    }
  }

  private Session session(SequenceRequest request) {
    Optional<Session> found = kept.take(request.prompt(), request.reusable());
    if (found.isPresent()) {
      return found.get();
    }
    boolean manyKept = kept.size() >= limits.parallel();
    return manyKept ? kept.takeOldest().orElseThrow() : open();
  }

  private Session open() {
    while (true) {
      try {
        return model.sessions().get();
      } catch (DeviceFailure failure) {
        if (!kept.dropOldest()) {
          throw failure;
        }
      }
    }
  }

  /** Ends texts that nobody waits for, and those that have taken too long. */
  private void endOverdue() {
    long earliest = System.nanoTime() - limits.generationTime().toNanos();
    for (Sequence sequence : List.copyOf(active)) {
      if (sequence.ticket().isCancelled()) {
        sequence.end(FinishReason.CANCELLED);
      } else if (sequence.begun() - earliest < 0) {
        sequence.end(FinishReason.LENGTH);
      }
      if (sequence.hasEnded()) {
        retire(sequence);
      }
    }
  }

  private void pass() {
    List<Share> divided = shares.divide(beginnings.share(active));
    List<Step> steps = new ArrayList<>(divided.size());
    boolean record = false;
    int rows = 0;
    for (Share share : divided) {
      steps.add(share.sequence().step(share.rows()));
      record |= share.sequence().wantsRouting();
      rows += share.rows();
    }
    routing.next(record);
    long start = System.nanoTime();
    List<Rows> results = forward(divided, steps);
    if (results == null) {
      return;
    }
    long nanos = System.nanoTime() - start;
    shares.took(rows, nanos);
    counters.passes.increment();
    counters.passRows.add(rows);
    counters.passNanos.add(nanos);
    int row = 0;
    for (int i = 0; i < divided.size(); i++) {
      take(divided.get(i), results.get(i), row);
      row += divided.get(i).rows();
    }
  }

  private @Nullable List<Rows> forward(List<Share> divided, List<Step> steps) {
    while (true) {
      try {
        return model.executable().forward(steps);
      } catch (DeviceFailure failure) {
        // Memory, most likely. What is only kept goes first, then whoever came last.
        if (!kept.dropOldest()) {
          fail(newest(divided).ticket(), failure);
          return null;
        }
      } catch (RuntimeException | InternalError | OutOfMemoryError failure) {
        // An InternalError is how the VM reports a mapped file that was truncated.
        LOG.log(Level.ERROR, "a forward pass failed", failure);
        RuntimeException told =
            failure instanceof RuntimeException e
                ? e
                : new DeviceFailure("the model could not be run: " + failure.getMessage(), failure);
        divided.forEach(share -> fail(share.sequence().ticket(), told));
        return null;
      }
    }
  }

  private Sequence newest(List<Share> divided) {
    return active.reversed().stream()
        .filter(sequence -> divided.stream().anyMatch(share -> share.sequence() == sequence))
        .findFirst()
        .orElseThrow();
  }

  private void take(Share share, Rows results, int row) {
    Sequence sequence = share.sequence();
    if (sequence.hasEnded()) {
      return; // its ticket failed with another of its texts in this very pass
    }
    boolean wasReading = sequence.session().position() - share.rows() < sequence.promptLength();
    int drawnBefore = sequence.drawn();
    try {
      sequence.take(share.rows(), results, logits, routing, row);
    } catch (RuntimeException failure) {
      fail(sequence.ticket(), failure);
      return;
    }
    counters.promptTokens.add(wasReading ? share.rows() : 0);
    counters.drawnTokens.add(sequence.drawn() - drawnBefore);
    if (sequence.hasEnded()) {
      retire(sequence);
    }
  }

  /** Takes an ended text out and keeps its session for a prompt that begins in the same way. */
  private void retire(Sequence sequence) {
    active.remove(sequence);
    boolean cancelled = sequence.reason().equals(Optional.of(FinishReason.CANCELLED));
    (cancelled ? counters.cancelled : counters.completed).increment();
    if (sequence.session().position() > 0) {
      kept.keep(sequence.session(), sequence.tokens());
    } else {
      sequence.session().close();
    }
    Ticket ticket = sequence.ticket();
    ticket.active--;
    if (ticket.active == 0 && ticket.waiting.isEmpty() && !cancelled) {
      double seconds = (System.nanoTime() - ticket.begun) / 1e9;
      secondsPerTicket = 0.9 * secondsPerTicket + 0.1 * seconds;
    }
  }

  /** Ends a submission by an exception. What its sessions hold is not trusted any more. */
  private void fail(Ticket ticket, RuntimeException failure) {
    if (ticket.isCancelled() && ticket.active == 0) {
      return;
    }
    counters.failed.increment();
    for (Sequence sequence : List.copyOf(active)) {
      if (sequence.ticket() == ticket) {
        active.remove(sequence);
        sequence.abandon();
        sequence.session().close();
      }
    }
    ticket.active = 0;
    ticket.cancel(); // texts that wait are taken out of the line
    ticket.tell(new Event.Failed(failure));
  }
}
