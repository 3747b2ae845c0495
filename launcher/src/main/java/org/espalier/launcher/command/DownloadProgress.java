package org.espalier.launcher.command;

import java.util.Locale;
import org.espalier.downloads.DownloadListener;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.Interruption;

/** Shows how far a download is and how long it will still take, and ends it on Ctrl-C. */
final class DownloadProgress implements DownloadListener {
  private static final long PAUSE_NANOS = 200_000_000;

  private final Console console;
  private final Interruption interruption;
  private String current = "";
  private long first;
  private long started;
  private long shown;

  DownloadProgress(Console console, Interruption interruption) {
    this.console = console;
    this.interruption = interruption;
  }

  @Override
  public void notice(String sentence) {
    console.progress("");
    console.note(sentence);
  }

  @Override
  public void progress(Step step, String file, long done, long total) {
    interruption.check();
    long now = System.nanoTime();
    if (!current.equals(step + file)) {
      current = step + file;
      first = done;
      started = now;
      shown = now;
      console.progress("");
      if (step != Step.CHECKING) {
        console.say(announcement(step, file, done, total));
      }
    } else if (now - shown >= PAUSE_NANOS && step != Step.WAITING) {
      shown = now;
      console.progress(line(step, done, total, (now - started) / 1e9));
    }
  }

  private static String announcement(Step step, String file, long done, long total) {
    if (step == Step.WAITING) {
      return "waiting for another download of " + file;
    }
    String left = done == 0 ? "" : ", of which %s are here".formatted(WriteProgress.bytes(done));
    return "downloading %s, %s%s".formatted(file, WriteProgress.bytes(total), left);
  }

  private String line(Step step, long done, long total, double seconds) {
    double speed = Math.max(done - first, 1) / seconds;
    return String.format(
        Locale.ROOT,
        "%s of %s%s, %s/s, %.0f s left",
        WriteProgress.bytes(done),
        WriteProgress.bytes(total),
        step == Step.CHECKING ? " checked" : "",
        WriteProgress.bytes((long) speed),
        (total - done) / speed);
  }

  /** Wipes the line. */
  void end() {
    console.progress("");
  }
}
