package org.espalier.launcher.command;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.espalier.api.backend.ExpertTraffic;

/** How experts fared that are moved about, in words and in fields. */
final class ExpertLines {
  private ExpertLines() {}

  /** After a generation: nothing where nothing was moved and nobody asks. */
  static List<String> afterwards(ExpertTraffic traffic, boolean verbose) {
    List<String> lines = new ArrayList<>();
    if (traffic.used() > 0) {
      lines.add(summary(traffic));
    }
    if (verbose) {
      lines.addAll(lines(traffic));
    }
    return lines;
  }

  /** One line: hit rate, bytes, and how much of the time the disk was at work for something. */
  static String summary(ExpertTraffic traffic) {
    return String.format(
        Locale.ROOT,
        "experts: %.1f %% of %,d needed were in place, %.1f %% on their way;"
            + " %.1f MB per token from %s (%.1f MB of it in vain)%s, %.2f s waited",
        100 * traffic.hitRate(),
        traffic.used(),
        traffic.used() == 0 ? 0.0 : 100.0 * traffic.ahead() / traffic.used(),
        traffic.movedPerPosition() / 1e6,
        traffic.source(),
        traffic.positions() == 0 ? 0.0 : traffic.wasted() / 1e6 / traffic.positions(),
        traffic.movingNanos() == 0
            ? ""
            : String.format(
                Locale.ROOT,
                " at %,.0f MB/s, %.0f %% of the speed that this alone would allow",
                traffic.movingSpeed() / 1e6,
                100 * traffic.shareOfSpeed()),
        traffic.waitedNanos() / 1e9);
  }

  /** Where each expert is. */
  static List<String> lines(ExpertTraffic traffic) {
    return traffic.homes().stream()
        .filter(home -> !home.experts().isEmpty())
        .map(home ->
            "experts of layer %d in %s: %s"
                .formatted(home.layer(), home.place(), ranges(home.experts())))
        .toList();
  }

  /** {@code 0-3, 7}. */
  static String ranges(List<Integer> ascending) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < ascending.size(); ) {
      int end = i;
      while (end + 1 < ascending.size() && ascending.get(end + 1) == ascending.get(end) + 1) {
        end++;
      }
      text.append(text.isEmpty() ? "" : ", ").append(ascending.get(i));
      if (end > i) {
        text.append('-').append(ascending.get(end));
      }
      i = end + 1;
    }
    return text.toString();
  }

  /** What was counted, as fields. */
  static Map<String, Object> counts(ExpertTraffic traffic) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("source", traffic.source());
    fields.put("positions", traffic.positions());
    fields.put("used", traffic.used());
    fields.put("found", traffic.found());
    fields.put("ahead", traffic.ahead());
    fields.put("hit_rate", traffic.hitRate());
    fields.put("bytes_moved", traffic.moved());
    fields.put("bytes_wasted", traffic.wasted());
    fields.put("bytes_per_token", traffic.movedPerPosition());
    fields.put("waited_ns", traffic.waitedNanos());
    fields.put("moving_ns", traffic.movingNanos());
    fields.put("pass_ns", traffic.passNanos());
    fields.put("bytes_per_second", traffic.movingSpeed());
    fields.put("share_of_speed", traffic.shareOfSpeed());
    return fields;
  }

  /** Where each expert is, as fields. */
  static List<Map<String, Object>> homes(ExpertTraffic traffic) {
    return traffic.homes().stream()
        .map(home -> {
          Map<String, Object> fields = new LinkedHashMap<>();
          fields.put("layer", home.layer());
          fields.put("place", home.place());
          fields.put("experts", home.experts());
          return fields;
        })
        .toList();
  }
}
