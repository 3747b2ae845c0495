package org.espalier.server.observation;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;
import org.espalier.server.scheduling.Counters;

/** The counters in Prometheus' text format. */
public final class Metrics {
  /** Of the text format. */
  public static final String CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

  private static final Path STATUS = Path.of("/proc/self/status");

  private final StringBuilder text = new StringBuilder();

  private Metrics() {}

  /**
   * All of them.
   *
   * @param waiting submissions in the line
   * @param connections open
   * @param inProgress requests being answered
   * @param answers by status; 0 for those that nobody waited for
   */
  public static String text(
      Counters counters,
      int waiting,
      int connections,
      int inProgress,
      Map<Integer, LongAdder> answers) {
    Metrics metrics = new Metrics();
    metrics.counter("prompt_tokens_total", "Prompt tokens read", counters.promptTokens.sum());
    metrics.counter(
        "reused_tokens_total", "Prompt tokens known already", counters.reusedTokens.sum());
    metrics.counter("generated_tokens_total", "Tokens drawn", counters.drawnTokens.sum());
    metrics.counter("passes_total", "Forward passes", counters.passes.sum());
    metrics.counter("pass_rows_total", "Positions in forward passes", counters.passRows.sum());
    metrics.counter("pass_seconds_total", "Time in them", counters.passNanos.sum() / 1e9);
    metrics.counter("texts_completed_total", "Texts brought to an end", counters.completed.sum());
    metrics.counter("texts_cancelled_total", "Texts nobody waited for", counters.cancelled.sum());
    metrics.counter("requests_failed_total", "Requests that failed", counters.failed.sum());
    metrics.counter("requests_refused_total", "Requests without room", counters.refused.sum());
    metrics.gauge("texts_active", "Texts being generated", counters.active());
    metrics.gauge("requests_waiting", "Requests in the line", waiting);
    metrics.gauge("sessions_kept", "Sessions kept for reuse", counters.kept());
    metrics.gauge("cache_positions", "Positions filled or reserved", counters.positions());
    metrics.gauge("connections_open", "Open connections", connections);
    metrics.gauge("http_requests_active", "Requests being answered", inProgress);
    metrics.answers(answers);
    metrics.process();
    return metrics.text.toString();
  }

  private void answers(Map<Integer, LongAdder> answers) {
    head("http_answers_total", "counter", "Answers by status; 0: the client had gone");
    new TreeMap<>(answers)
        .forEach((status, count) ->
            text.append("espalier_http_answers_total{status=\"")
                .append(status)
                .append("\"} ")
                .append(count.sum())
                .append('\n'));
  }

  private void process() {
    Runtime runtime = Runtime.getRuntime();
    gauge("heap_used_bytes", "Java heap in use", runtime.totalMemory() - runtime.freeMemory());
    gauge("heap_limit_bytes", "Java heap at most", runtime.maxMemory());
    try {
      for (String line : Files.readAllLines(STATUS)) {
        if (line.startsWith("VmRSS:")) {
          gauge("resident_bytes", "Memory of the process", 1024 * number(line));
        } else if (line.startsWith("Threads:")) {
          gauge("threads", "Threads of the process", number(line));
        }
      }
    } catch (IOException _) {
      // only Linux has it
    }
  }

  private static long number(String line) {
    return Long.parseLong(line.replaceAll("\\D", ""));
  }

  private void counter(String name, String help, Number value) {
    sample(name, "counter", help, value);
  }

  private void gauge(String name, String help, Number value) {
    sample(name, "gauge", help, value);
  }

  private void sample(String name, String type, String help, Number value) {
    head(name, type, help);
    text.append("espalier_").append(name).append(' ').append(value).append('\n');
  }

  private void head(String name, String type, String help) {
    text.append("# HELP espalier_").append(name).append(' ').append(help).append('\n');
    text.append("# TYPE espalier_").append(name).append(' ').append(type).append('\n');
  }
}
