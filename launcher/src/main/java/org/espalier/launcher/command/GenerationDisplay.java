package org.espalier.launcher.command;

import java.util.Optional;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.Interruption;
import org.espalier.launcher.console.Timings;
import org.espalier.launcher.report.StageTimes;
import org.espalier.runtime.generation.FinishReason;
import org.espalier.runtime.generation.GenerationListener;
import org.espalier.runtime.generation.GenerationResult;

/**
 * Prints text as it comes, and the timings at the end: those of the result, or, when Ctrl-C cuts a
 * pass short that would take too long, what is known by then.
 */
final class GenerationDisplay implements GenerationListener {
  private final Console console;
  private final Interruption interruption;
  private final long started;
  private final Runnable beginning;
  private final Optional<StageTimes> times;
  private final long loaded = System.nanoTime();

  private int promptTokens;
  private int tokens;
  private long prompted = loaded;
  private boolean begun;
  private boolean closed;

  /**
   * For one generation with a model that is loaded now.
   *
   * @param started when the command began, as of {@link System#nanoTime}
   * @param times collected for the user, where he wants them
   * @param beginning what is shown first, but not before the prompt is accepted
   */
  GenerationDisplay(
      Console console,
      Interruption interruption,
      long started,
      Optional<StageTimes> times,
      Runnable beginning) {
    this.console = console;
    this.interruption = interruption;
    this.started = started;
    this.times = times;
    this.beginning = beginning;
  }

  @Override
  public synchronized void prompt(int done, int total) {
    promptTokens = done;
    prompted = System.nanoTime();
    if (done == total) {
      times.ifPresent(StageTimes::promptEnded);
    }
    console.progress(done < total ? "prompt: %d of %d tokens ".formatted(done, total) : "");
  }

  @Override
  public synchronized void token(int token, String text) {
    tokens++;
    flush(text);
  }

  @Override
  public void sampled(long nanos) {
    times.ifPresent(all -> all.sampled(nanos));
  }

  @Override
  public void flush(String text) {
    console.print(text);
    console.flush();
  }

  /** Asked before every pass, so the first time means that the prompt was accepted. */
  @Override
  public boolean cancelled() {
    if (!begun) {
      begun = true;
      beginning.run();
    }
    return interruption.requested();
  }

  /** Says how it ended. */
  synchronized void ended(GenerationResult result) {
    console.print(result.reason() == FinishReason.END_OF_TEXT ? " [end of text]\n" : "\n");
    console.flush();
    if (result.reason() == FinishReason.CONTEXT_FULL) {
      console.note("the context is full; -c sets its size");
    }
    close(
        result.promptTokens(),
        result.promptNanos(),
        result.evaluations(),
        result.evaluationNanos());
  }

  /** Says what is known when there is no time to wait for the end. */
  synchronized void lastWords() {
    console.print("\n");
    console.flush();
    close(promptTokens, prompted - loaded, Math.max(tokens - 1, 0), System.nanoTime() - prompted);
  }

  private void close(int positions, long positionNanos, int runs, long runNanos) {
    if (!closed) {
      closed = true;
      long total = System.nanoTime() - started;
      new Timings(loaded - started, positions, positionNanos, runs, runNanos, total)
          .lines()
          .forEach(console::say);
      times
          .map(all -> all.table(positions, positionNanos, runs, runNanos))
          .ifPresent(table -> table.lines().forEach(console::say));
    }
  }
}
