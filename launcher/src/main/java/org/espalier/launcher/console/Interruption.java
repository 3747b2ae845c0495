package org.espalier.launcher.console;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Ctrl-C and other requests to end. The JVM begins its shutdown then, and ends with the code of the
 * signal (130 for Ctrl-C); a hook holds it up until work in progress has come to an orderly end.
 */
public final class Interruption {
  private static final Duration PATIENCE = Duration.ofSeconds(3);

  private final CountDownLatch request = new CountDownLatch(1);
  private final boolean listening;
  private volatile boolean requested;
  private volatile @Nullable Work work;

  /** Listens to nothing: for tests and for use inside other programs. */
  public Interruption() {
    this(false);
  }

  private Interruption(boolean listening) {
    this.listening = listening;
  }

  /** Listens to the signals of this process. */
  public static Interruption ofProcess() {
    Interruption interruption = new Interruption(true);
    Runtime.getRuntime().addShutdownHook(new Thread(interruption::request, "interruption"));
    return interruption;
  }

  /**
   * From now on Ctrl-C is first offered to the program; where it has nothing to stop, the process
   * ends as without this.
   *
   * @param stop asked on another thread; stops what is going on, or says false if nothing is, or if
   *     it was asked before
   */
  public void offer(BooleanSupplier stop) {
    if (listening) {
      ControlC.answerWith(() -> {
        if (!stop.getAsBoolean()) {
          System.exit(ExitCode.INTERRUPTED);
        }
      });
    }
  }

  /** Asks the work in progress to end and waits until it has, or until patience does. */
  void request() {
    requested = true;
    request.countDown();
    Work current = work;
    if (current != null && !current.ends()) {
      current.lastWords.run();
    }
  }

  /** Whether the user wants to end. Asked often by long work. */
  public boolean requested() {
    return requested;
  }

  /** Leaves long work by an exception where the user wants to end. */
  public void check() {
    if (requested) {
      throw new Interrupted();
    }
  }

  /** Waits until the user wants to end. */
  public void await() throws InterruptedException {
    request.await();
  }

  /**
   * Begins work that must be let come to an end; closing it says that it has.
   *
   * @param lastWords said by the hook when the work does not end in time
   */
  public Work begin(Runnable lastWords) {
    return begin(lastWords, PATIENCE);
  }

  /**
   * As above, for work that needs time to end.
   *
   * @param patience how long the hook waits for it
   */
  public Work begin(Runnable lastWords, Duration patience) {
    Work begun = new Work(lastWords, patience);
    work = begun;
    return begun;
  }

  /** Work in progress. */
  public static final class Work implements AutoCloseable {
    private final Runnable lastWords;
    private final Duration patience;
    private final CountDownLatch ended = new CountDownLatch(1);

    private Work(Runnable lastWords, Duration patience) {
      this.lastWords = lastWords;
      this.patience = patience;
    }

    private boolean ends() {
      try {
        return ended.await(patience.toNanos(), TimeUnit.NANOSECONDS);
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
        return false;
      }
    }

    @Override
    public void close() {
      ended.countDown();
    }
  }

  /** Thrown by {@link #check}. */
  static final class Interrupted extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Interrupted() {
      super("interrupted");
    }
  }
}
