package org.espalier.launcher.command;

import java.util.Locale;
import org.espalier.launcher.console.Console;

/** Shows how far a long write has come and how long it will still take. */
final class WriteProgress {
  private static final long PAUSE_NANOS = 200_000_000;

  private final Console console;
  private final long started = System.nanoTime();
  private long shown = started;

  /** Begins now. */
  WriteProgress(Console console) {
    this.console = console;
  }

  /**
   * So many bytes are there.
   *
   * @param total bytes expected
   */
  void written(long bytes, long total) {
    long now = System.nanoTime();
    if (now - shown < PAUSE_NANOS || bytes <= 0) {
      return;
    }
    shown = now;
    double seconds = (now - started) / 1e9;
    double left = seconds * Math.max(total - bytes, 0) / bytes;
    console.progress(
        String.format(
            Locale.ROOT,
            "%s of %s, %s/s, %.0f s left",
            bytes(bytes),
            bytes(total),
            bytes((long) (bytes / seconds)),
            left));
  }

  /** Wipes the line. */
  void end() {
    console.progress("");
  }

  /** Bytes for people. */
  static String bytes(long count) {
    return count < 1L << 30
        ? String.format(Locale.ROOT, "%.1f MiB", count / 0x1p20)
        : String.format(Locale.ROOT, "%.2f GiB", count / 0x1p30);
  }
}
