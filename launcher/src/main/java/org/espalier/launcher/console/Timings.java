package org.espalier.launcher.console;

import java.util.List;
import java.util.Locale;

/**
 * Where the time of a completion went.
 *
 * @param loadNanos until the model was ready
 * @param promptTokens positions of the prompt
 * @param promptNanos for them
 * @param runs passes of one token after the prompt
 * @param runNanos for them, sampling included
 * @param totalNanos from the start of the command
 */
public record Timings(
    long loadNanos, int promptTokens, long promptNanos, int runs, long runNanos, long totalNanos) {
  private static final String NAME = "common_perf_print:";

  /** As llama.cpp's tools print them, so that scripts that read those read these. */
  public List<String> lines() {
    return List.of(
        line("       load time = %10.2f ms", milliseconds(loadNanos)),
        line("prompt eval time = %s", phase("tokens", promptTokens, promptNanos)),
        line("       eval time = %s", phase("runs  ", runs, runNanos)),
        line(
            "      total time = %10.2f ms / %5d tokens",
            milliseconds(totalNanos), promptTokens + runs));
  }

  private static String phase(String unit, int count, long nanos) {
    double milliseconds = milliseconds(nanos);
    return "%10.2f ms / %5d %s (%8.2f ms per token, %8.2f tokens per second)"
        .formatted(
            milliseconds,
            count,
            unit,
            count == 0 ? 0 : milliseconds / count,
            milliseconds == 0 ? 0 : 1000 * count / milliseconds);
  }

  private static String line(String format, Object... values) {
    return NAME + " " + String.format(Locale.ROOT, format, values);
  }

  private static double milliseconds(long nanos) {
    return nanos / 1e6;
  }
}
