package org.espalier.launcher.report;

import java.util.Locale;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.Interruption;
import org.espalier.runtime.evaluation.Progress;

/**
 * Shows how far a measurement has come, what it gives so far and how long it will still take, and
 * ends it when the user wants that.
 */
public final class MeasurementProgress implements Progress {
  private static final long PAUSE_NANOS = 200_000_000;

  private final Console console;
  private final Interruption interruption;
  private final String parts;
  private final String value;
  private final boolean running;
  private final long started = System.nanoTime();
  private long shown;
  private int first;
  private long firstNanos;

  /**
   * Begins now.
   *
   * @param parts name of the parts, such as {@code "chunk"}
   * @param value name of what is measured
   * @param running whether to print every value on standard output, as llama.cpp does
   */
  public MeasurementProgress(
      Console console, Interruption interruption, String parts, String value, boolean running) {
    this.console = console;
    this.interruption = interruption;
    this.parts = parts;
    this.value = value;
    this.running = running;
  }

  @Override
  public void passed() {
    interruption.check();
  }

  @Override
  public void advanced(int done, int total, double current) {
    interruption.check();
    long now = System.nanoTime();
    if (first == 0) {
      first = done;
      firstNanos = now - started;
      announce(firstNanos / 1e9 / done, total);
    }
    if (running) {
      console.print(String.format(Locale.ROOT, "[%d]%.4f,", done, current));
      console.flush();
    } else if (now - shown >= PAUSE_NANOS) {
      shown = now;
      console.progress(
          String.format(
              Locale.ROOT,
              "%s %d of %d, %s so far %.4f, %s left",
              parts,
              done,
              total,
              value,
              current,
              duration(left(done, total, now))));
    }
  }

  private void announce(double seconds, int total) {
    console.say(
        String.format(
            Locale.ROOT,
            "the first %s took %.2f s; at that pace %d take %s",
            parts,
            seconds,
            total,
            duration(seconds * total)));
  }

  /** The first part warms the program up: later ones tell better how long the rest will take. */
  private double left(int done, int total, long now) {
    long nanos = now - started;
    double perPart =
        done > first ? (double) (nanos - firstNanos) / (done - first) : (double) nanos / done;
    return perPart * (total - done) / 1e9;
  }

  /** Ends the line of values, or wipes the line that shows progress. */
  public void end() {
    if (running) {
      if (first > 0) {
        console.print("\n");
        console.flush();
      }
    } else {
      console.progress("");
    }
  }

  /** Seconds since it began. */
  public double seconds() {
    return (System.nanoTime() - started) / 1e9;
  }

  private static String duration(double seconds) {
    long whole = Math.round(seconds);
    if (whole < 60) {
      return whole + " s";
    }
    return whole < 3600
        ? "%d min %d s".formatted(whole / 60, whole % 60)
        : "%d h %d min".formatted(whole / 3600, whole % 3600 / 60);
  }
}
