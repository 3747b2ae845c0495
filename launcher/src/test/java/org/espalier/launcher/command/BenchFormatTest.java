package org.espalier.launcher.command;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.espalier.api.backend.CacheType;
import org.espalier.api.backend.CacheTypes;
import org.espalier.runtime.benchmark.SpeedResult;
import org.espalier.runtime.benchmark.SpeedTest;
import org.junit.jupiter.api.Test;
import tools.jackson.jr.ob.JSON;

class BenchFormatTest {
  private static final Set<String> FIELDS_OF_LLAMA_BENCH =
      Set.of(
          "cpu_info",
          "gpu_info",
          "backends",
          "model_filename",
          "model_type",
          "model_size",
          "model_n_params",
          "n_batch",
          "n_ubatch",
          "n_threads",
          "n_prompt",
          "n_gen",
          "n_depth",
          "test_time",
          "avg_ns",
          "stddev_ns",
          "avg_ts",
          "stddev_ts",
          "samples_ns",
          "samples_ts");

  private static BenchReport report(SpeedTest test, int threads, Long... nanos) {
    return report("", test, threads, 35e9, nanos);
  }

  private static BenchReport report(
      String gpu, SpeedTest test, int threads, double bandwidth, Long... nanos) {
    return new BenchReport(
        "olmoe QTIP",
        "/a \"quoted\", folder/m.gguf",
        2_655_564_192L,
        6_918_930_432L,
        "cpu",
        "amd64, 512-bit vectors",
        "A Processor",
        gpu,
        threads,
        512,
        new CacheTypes(CacheType.F16, CacheType.Q8_0),
        new SpeedResult(test, List.of(nanos)),
        700_000_000,
        bandwidth,
        Instant.parse("2026-01-02T03:04:05Z"),
        Optional.empty());
  }

  private static final List<BenchReport> REPORTS =
      List.of(
          report(new SpeedTest(512, 0, 0), 2, 8_000_000_000L),
          report(new SpeedTest(0, 100, 2048), 2, 4_000_000_000L, 5_000_000_000L));

  @Test
  void theTableIsThatOfLlamaBench() {
    List<String> lines = BenchFormat.MD.render(REPORTS).lines().toList();
    assertEquals("| model | size | params | backend | threads | test | t/s |", lines.get(0));
    assertEquals("| --- | ---: | ---: | --- | ---: | ---: | ---: |", lines.get(1));
    assertEquals(
        "| olmoe QTIP | 2.47 GiB | 6.92 B | cpu | 2 | pp512 | 64.00 ± 0.00 |", lines.get(2));
    assertEquals(
        "| olmoe QTIP | 2.47 GiB | 6.92 B | cpu | 2 | tg100 @ d2048 | 22.50 ± 3.54 |",
        lines.get(3));
    assertEquals(
        "tg100 @ d2048, 2 threads (amd64, 512-bit vectors): 700 MB per token, 15.8 GB/s of the"
            + " 35.0 GB/s that memory gives (45 %)",
        lines.getLast());
    assertTrue(lines.stream().noneMatch(line -> line.startsWith("pp512")));
  }

  @Test
  void jsonIsAnArrayWithTheFieldsOfLlamaBench() throws Exception {
    List<Map<String, Object>> entries =
        JSON.std.listOfFrom(Object.class, BenchFormat.JSON.render(REPORTS)).stream()
            .map(BenchFormatTest::entry)
            .toList();
    assertEquals(2, entries.size());
    Map<String, Object> generation = entries.get(1);
    assertTrue(generation.keySet().containsAll(FIELDS_OF_LLAMA_BENCH), generation.toString());
    assertEquals("A Processor", generation.get("cpu_info"));
    assertEquals("", generation.get("gpu_info"));
    assertEquals("/a \"quoted\", folder/m.gguf", generation.get("model_filename"));
    assertEquals(0, generation.get("n_prompt"));
    assertEquals(100, generation.get("n_gen"));
    assertEquals(2048, generation.get("n_depth"));
    assertEquals(2, generation.get("n_threads"));
    assertEquals(4_500_000_000L, generation.get("avg_ns"));
    assertEquals(22.5, generation.get("avg_ts"));
    assertEquals(List.of(4_000_000_000L, 5_000_000_000L), generation.get("samples_ns"));
    assertEquals(List.of(25.0, 20.0), generation.get("samples_ts"));
    assertEquals("2026-01-02T03:04:05Z", generation.get("test_time"));
    assertEquals(700_000_000, generation.get("bytes_per_token"));
    assertEquals(35e9, generation.get("memory_bandwidth"));
    assertEquals(0.45, (double) generation.get("memory_bandwidth_share"), 1e-9);
  }

  @Test
  void gpusHaveAFieldOfTheirOwn() throws Exception {
    List<BenchReport> reports =
        List.of(report("A GPU", new SpeedTest(0, 100, 0), 2, 4e12, 1_000_000_000L));
    Map<String, Object> fields =
        JSON.std.mapFrom(
            BenchFormat.JSON.render(reports).replaceFirst("(?s)^\\[(.*)\\]\\s*$", "$1"));
    assertEquals("A GPU", fields.get("gpu_info"));
    assertEquals("A Processor", fields.get("cpu_info"));
    assertEquals(100 * 0.7e9 / 4e12, (double) fields.get("memory_bandwidth_share"), 1e-9);
  }

  @Test
  void noShareOfWhatCouldNotBeMeasured() {
    List<BenchReport> reports =
        List.of(report("A GPU", new SpeedTest(0, 100, 0), 2, 0, 1_000_000_000L));
    assertTrue(BenchFormat.MD.render(reports).lines().noneMatch(line -> line.contains("GB/s")));
    assertTrue(BenchFormat.JSON.render(reports).contains("\"memory_bandwidth_share\" : 0.0"));
  }

  @SuppressWarnings("unchecked") // keys of a JSON object are strings
  private static Map<String, Object> entry(Object object) {
    return (Map<String, Object>) object;
  }

  @Test
  void csvHasOneQuotedLinePerTest() {
    List<String> lines = BenchFormat.CSV.render(REPORTS).lines().toList();
    assertEquals(3, lines.size());
    assertTrue(lines.get(0).startsWith("cpu_info,gpu_info,backends,model_filename,"), lines.get(0));
    assertTrue(lines.get(0).contains(",n_prompt,n_gen,n_depth,"), lines.get(0));
    assertTrue(lines.get(1).contains("\"/a \"\"quoted\"\", folder/m.gguf\""), lines.get(1));
    assertTrue(lines.get(2).contains("\"0\",\"100\",\"2048\""), lines.get(2));
  }
}
