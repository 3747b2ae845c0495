package org.espalier;

import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Consumer;
import org.espalier.runtime.generation.GenerationListener;
import org.espalier.runtime.generation.GenerationResult;
import org.jspecify.annotations.Nullable;

/**
 * A text that is being generated, on a thread of its own. Its pieces are read by iterating over it,
 * once; whoever wants the whole asks for the {@linkplain #result() result}. It ends by itself; to
 * end it sooner, {@link #cancel} or close it, from any thread.
 *
 * <p>A thread that is interrupted while it waits for a piece or for the result cancels the
 * generation and stays interrupted.
 */
public final class Generation implements Iterable<String>, AutoCloseable {
  /** Behind the last piece; no piece is empty. */
  private static final String END = "";

  private final Work work;
  private final Thread worker;
  private final BlockingQueue<String> pieces = new LinkedBlockingQueue<>();
  private volatile boolean cancelled;
  private volatile @Nullable GenerationResult result;
  private volatile @Nullable Throwable failure;

  /** What is done on the thread. */
  @FunctionalInterface
  interface Work {
    /** Generates and tells the listener of every piece. */
    GenerationResult run(GenerationListener listener);
  }

  /**
   * One that has not begun.
   *
   * @param ended told when it has, on its thread
   */
  Generation(Work work, Consumer<Generation> ended) {
    this.work = work;
    this.worker =
        Thread.ofPlatform()
            .daemon()
            .name("espalier-generation")
            .unstarted(() -> {
              try {
                run();
              } finally {
                ended.accept(this);
                pieces.add(END);
              }
            });
  }

  void begin() {
    worker.start();
  }

  private void run() {
    // Whatever is thrown here is thrown again where the result is asked for.
    try {
      result = work.run(new Listener());
    } catch (RuntimeException | Error e) {
      failure = e;
    }
  }

  private final class Listener implements GenerationListener {
    @Override
    public void token(int token, String text) {
      flush(text);
    }

    @Override
    public void flush(String text) {
      if (!text.isEmpty()) {
        pieces.add(text);
      }
    }

    @Override
    public boolean cancelled() {
      return cancelled;
    }
  }

  /** Whether it has ended; then nobody has to wait for the result. */
  public boolean ended() {
    return !worker.isAlive();
  }

  /** Asks it to end after the token in progress; what is there by then stays readable. */
  public void cancel() {
    cancelled = true;
  }

  /**
   * The pieces in order, each as soon as it is there: whole characters, usually a token's text. To
   * be asked for once; a second iterator goes on where the first was left.
   *
   * @throws org.espalier.api.EspalierException from {@code hasNext} when generation fails
   */
  @Override
  public Iterator<String> iterator() {
    return new Pieces();
  }

  private final class Pieces implements Iterator<String> {
    private @Nullable String next;

    @Override
    public boolean hasNext() {
      if (next == null) {
        next = take();
      }
      if (!next.isEmpty()) {
        return true;
      }
      pieces.add(END); // for the next iterator
      throwFailure();
      return false;
    }

    @Override
    public String next() {
      if (!hasNext() || next == null) {
        throw new NoSuchElementException("the text has ended");
      }
      String piece = next;
      next = null;
      return piece;
    }
  }

  private String take() {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return pieces.take();
        } catch (InterruptedException _) {
          interrupted = true;
          cancel(); // the end comes soon
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /**
   * Waits for the end.
   *
   * @return the whole text, why it ended, and how long it took
   * @throws org.espalier.api.EspalierException when generation failed
   */
  public GenerationResult result() {
    join();
    throwFailure();
    GenerationResult known = result;
    if (known == null) {
      throw new IllegalStateException("generation ended without a result");
    }
    return known;
  }

  /** Cancels it if it has not ended, and waits until it has. */
  @Override
  public void close() {
    cancel();
    join();
  }

  private void join() {
    boolean interrupted = false;
    while (worker.isAlive()) {
      try {
        worker.join();
      } catch (InterruptedException _) {
        interrupted = true;
        cancel();
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void throwFailure() {
    switch (failure) {
      case null -> {
        // it went well
      }
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      case Throwable e -> throw new IllegalStateException(e);
    }
  }
}
