package org.espalier.launcher.command;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.espalier.runtime.benchmark.SpeedResult;

/** How benchmarks are printed: the forms of llama-bench, with its names. */
enum BenchFormat {
  /** A Markdown table. */
  MD {
    @Override
    String render(List<BenchReport> reports) {
      StringBuilder text = new StringBuilder();
      text.append("| model | size | params | backend | threads | test | t/s |\n");
      text.append("| --- | ---: | ---: | --- | ---: | ---: | ---: |\n");
      for (BenchReport report : reports) {
        text.append(
            String.format(
                Locale.ROOT,
                "| %s | %.2f %s | %.2f %s | %s | %d | %s | %.2f ± %.2f |%n",
                report.model(),
                report.bytes() / (report.bytes() < 1 << 30 ? 0x1p20 : 0x1p30),
                report.bytes() < 1 << 30 ? "MiB" : "GiB",
                report.parameters() / (report.parameters() < 1e9 ? 1e6 : 1e9),
                report.parameters() < 1e9 ? "M" : "B",
                report.backend(),
                report.threads(),
                report.result().test().label(),
                report.result().meanRate(),
                report.result().rateDeviation()));
      }
      text.append('\n');
      reports.stream()
          .collect(
              Collectors.groupingBy(BenchReport::threads, LinkedHashMap::new, Collectors.toList()))
          .forEach((threads, group) -> text.append(memory(threads, group)));
      return text.toString();
    }

    private String memory(int threads, List<BenchReport> group) {
      StringBuilder text = new StringBuilder();
      for (BenchReport report : group) {
        if (report.bandwidthShare() > 0) {
          text.append(
              String.format(
                  Locale.ROOT,
                  "%s, %d thread%s (%s): %.0f MB per token, %.1f GB/s of the %.1f GB/s that memory gives (%.0f %%)%n",
                  report.result().test().label(),
                  threads,
                  threads == 1 ? "" : "s",
                  report.device(),
                  report.bytesPerToken() / 1e6,
                  report.bandwidthShare() * report.bandwidth() / 1e9,
                  report.bandwidth() / 1e9,
                  report.bandwidthShare() * 100));
        }
        report
            .traffic()
            .filter(traffic -> traffic.used() > 0)
            .ifPresent(traffic ->
                text.append(report.result().test().label())
                    .append(", ")
                    .append(ExpertLines.summary(traffic))
                    .append('\n'));
      }
      return text.toString();
    }
  },

  /** An array of objects. */
  JSON {
    @Override
    String render(List<BenchReport> reports) {
      return tools
              .jackson
              .jr
              .ob
              .JSON
              .std
              .with(tools.jackson.jr.ob.JSON.Feature.PRETTY_PRINT_OUTPUT)
              .asString(reports.stream().map(BenchFormat::fields).toList())
          + "\n";
    }
  },

  /** One line each, after a line of names. */
  CSV {
    @Override
    String render(List<BenchReport> reports) {
      StringBuilder text = new StringBuilder();
      for (BenchReport report : reports) {
        Map<String, Object> fields = fields(report);
        fields.remove("samples_ns");
        fields.remove("samples_ts");
        if (text.isEmpty()) {
          text.append(String.join(",", fields.keySet())).append('\n');
        }
        text.append(
                fields.values().stream()
                    .map(value -> '"' + value.toString().replace("\"", "\"\"") + '"')
                    .collect(Collectors.joining(",")))
            .append('\n');
      }
      return text.toString();
    }
  };

  /** Everything that was measured, ready to print. */
  abstract String render(List<BenchReport> reports);

  private static Map<String, Object> fields(BenchReport report) {
    SpeedResult result = report.result();
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("cpu_info", report.processor());
    fields.put("gpu_info", report.accelerator());
    fields.put("backends", report.backend());
    fields.put("model_filename", report.file());
    fields.put("model_type", report.model());
    fields.put("model_size", report.bytes());
    fields.put("model_n_params", report.parameters());
    fields.put("n_batch", report.batch());
    fields.put("n_ubatch", report.batch());
    fields.put("n_threads", report.threads());
    fields.put("type_k", report.cache().keys().toString());
    fields.put("type_v", report.cache().values().toString());
    report.traffic().ifPresent(traffic -> fields.put("experts", ExpertLines.counts(traffic)));
    fields.put("n_prompt", result.test().promptTokens());
    fields.put("n_gen", result.test().generatedTokens());
    fields.put("n_depth", result.test().depth());
    fields.put("test_time", report.time().toString());
    fields.put("avg_ns", Math.round(result.meanNanos()));
    fields.put("stddev_ns", Math.round(result.nanosDeviation()));
    fields.put("avg_ts", result.meanRate());
    fields.put("stddev_ts", result.rateDeviation());
    fields.put("samples_ns", result.nanos());
    fields.put("samples_ts", result.rates());
    fields.put("bytes_per_token", report.bytesPerToken());
    fields.put("memory_bandwidth", report.bandwidth());
    fields.put("memory_bandwidth_share", report.bandwidthShare());
    fields.put("device", report.device());
    return fields;
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
