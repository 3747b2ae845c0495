package org.espalier.server.load;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** Sets all clients on a server, watches it, and sums up. */
public final class LoadTest {
  private static final int RANDOM_CLIENTS = 32;
  private static final Duration SETTLING = Duration.ofSeconds(60);
  private static final double MEBIBYTE = 1 << 20;

  private final LoadOptions options;
  private final Tally tally = new Tally();
  private final ServerWatch watch;
  private final List<Thread> clients = new ArrayList<>();

  /** What a client does; an interrupt ends it. */
  @FunctionalInterface
  private interface Work {
    void run() throws InterruptedException;
  }

  private LoadTest(LoadOptions options) {
    this.options = options;
    this.watch = new ServerWatch(options);
  }

  /**
   * What came of it.
   *
   * @param lines for people, in Markdown
   * @param failures texts that were incomplete, statuses that must not be, and what did not end
   */
  public record Report(List<String> lines, long failures) {}

  /**
   * Runs it.
   *
   * @param progress receives a line every few seconds
   * @throws org.espalier.api.EspalierException.DeviceFailure when there is no server
   */
  public static Report run(LoadOptions options, Consumer<String> progress)
      throws InterruptedException {
    return new LoadTest(options).run(progress);
  }

  private Report run(Consumer<String> progress) throws InterruptedException {
    watch.look();
    long start = System.nanoTime();
    long end = start + options.duration().toNanos();
    Streams streams = new Streams(options, tally);
    for (int i = 0; i < options.streams(); i++) {
      int client = i;
      begin(() -> streams.run(client, end));
    }
    if (options.faults()) {
      Faults faults = new Faults(options, tally);
      for (int i = 0; i < faults.kinds(); i++) {
        int kind = i;
        begin(() -> faults.run(kind, end));
      }
    }
    RandomRequests random = new RandomRequests(options, tally);
    for (int i = 0; i < RANDOM_CLIENTS; i++) {
      begin(random::run);
    }
    follow(start, end, progress);
    for (Thread client : clients) {
      client.join();
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    boolean settled = settles();
    return report(seconds, random.sent(), settled);
  }

  private void begin(Work work) {
    clients.add(
        Thread.ofVirtual()
            .start(() -> {
              try {
                work.run();
              } catch (InterruptedException _) {
                Thread.currentThread().interrupt();
              }
            }));
  }

  private void follow(long start, long end, Consumer<String> progress) throws InterruptedException {
    for (int round = 1; System.nanoTime() - end < 0; round++) {
      Thread.sleep(1000);
      Map<String, Double> now = watch.look();
      if (round % 10 == 0) {
        double seconds = (System.nanoTime() - start) / 1e9;
        progress.accept(
            "%4.0f s: %d texts, %.0f tokens/s, %.0f active, %.0f waiting, resident %.0f MiB, %d failures"
                .formatted(
                    seconds,
                    tally.texts.sum(),
                    tally.tokens.sum() / seconds,
                    now.getOrDefault("texts_active", 0.0),
                    now.getOrDefault("requests_waiting", 0.0),
                    now.getOrDefault("resident_bytes", 0.0) / MEBIBYTE,
                    tally.failures.sum()));
      }
    }
  }

  /** Whether the server comes to rest when everyone has left. */
  private boolean settles() throws InterruptedException {
    long end = System.nanoTime() + SETTLING.toNanos();
    while (System.nanoTime() - end < 0) {
      Map<String, Double> now = watch.look();
      boolean quiet =
          now.getOrDefault("texts_active", 0.0) == 0
              && now.getOrDefault("requests_waiting", 0.0) == 0
              && now.getOrDefault("http_requests_active", 0.0) <= 1; // this one
      if (quiet) {
        return true;
      }
      Thread.sleep(200);
    }
    tally.failed("something is still running a minute after the last client has left");
    return false;
  }

  private Report report(double seconds, int random, boolean settled) {
    List<String> lines = new ArrayList<>();
    lines.add(
        "%d streams for %.0f s%s, %,d random requests"
            .formatted(
                options.streams(),
                seconds,
                options.faults() ? " beside misbehaving clients" : "",
                random));
    lines.add("");
    lines.add("| what | measured |");
    lines.add("|---|---|");
    row(lines, "texts completed", "%,d", tally.texts.sum());
    row(lines, "tokens per second, all streams", "%,.0f", tally.tokens.sum() / seconds);
    row(lines, "first token, median / 95 % / 99 %", "%s ms", quantiles(tally.untilFirst));
    row(lines, "between tokens, median / 95 % / 99 %", "%s ms", quantiles(tally.betweenTokens));
    row(lines, "turned away for a while (429)", "%,d", tally.turnedAway.sum());
    row(
        lines,
        "resident memory, greatest in second / last fifth",
        "%s MiB",
        pair("resident_bytes", true, MEBIBYTE));
    row(
        lines,
        "Java heap after collection, second / last fifth",
        "%s MiB",
        pair("heap_used_bytes", false, MEBIBYTE));
    row(lines, "threads, second / last fifth", "%s", pair("threads", true, 1));
    row(lines, "at rest afterwards", "%s", settled ? "yes" : "no");
    row(lines, "failures", "%,d", tally.failures.sum());
    lines.add("");
    lines.add("| clients | answers by status (0: none expected, or cut off) |");
    lines.add("|---|---|");
    tally.statuses().forEach((kind, byStatus) -> row(lines, kind, "%s", counts(byStatus)));
    tally.examples().forEach(example -> lines.add("failure: " + example));
    return new Report(lines, tally.failures.sum());
  }

  private static void row(List<String> lines, String name, String format, Object value) {
    lines.add("| " + name + " | " + format.formatted(value) + " |");
  }

  private static String quantiles(Durations durations) {
    return "%.1f / %.1f / %.1f"
        .formatted(durations.quantile(0.5), durations.quantile(0.95), durations.quantile(0.99));
  }

  private String pair(String name, boolean greatest, double unit) {
    return "%.0f / %.0f"
        .formatted(
            watch.extreme(name, 0.2, 0.4, greatest) / unit,
            watch.extreme(name, 0.8, 1, greatest) / unit);
  }

  private static String counts(Map<Integer, LongAdder> byStatus) {
    return byStatus.entrySet().stream()
        .map(entry -> "%d: %,d".formatted(entry.getKey(), entry.getValue().sum()))
        .collect(Collectors.joining(", "));
  }
}
