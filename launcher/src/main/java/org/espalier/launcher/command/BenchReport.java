package org.espalier.launcher.command;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import org.espalier.api.backend.Accelerator;
import org.espalier.api.backend.CacheTypes;
import org.espalier.api.backend.ExpertTraffic;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.launcher.option.ProcessorName;
import org.espalier.runtime.Model;
import org.espalier.runtime.benchmark.SpeedResult;

/**
 * One row of a benchmark.
 *
 * @param model name, for people
 * @param file of the model
 * @param bytes of the file
 * @param parameters of the model
 * @param backend that ran it
 * @param device in words
 * @param processor the host's, by name
 * @param accelerator by name, or empty where the processor alone computes
 * @param threads workers
 * @param batch most positions per pass
 * @param cache in what forms keys and values were kept
 * @param result timings
 * @param bytesPerToken that generating one token must read
 * @param bandwidth bytes per second that the memory of the device gives, or that of the machine to
 *     as many threads; 0 where it could not be measured
 * @param time when it was measured
 * @param traffic of experts that were moved about meanwhile, warm-up included
 */
record BenchReport(
    String model,
    String file,
    long bytes,
    long parameters,
    String backend,
    String device,
    String processor,
    String accelerator,
    int threads,
    int batch,
    CacheTypes cache,
    SpeedResult result,
    long bytesPerToken,
    double bandwidth,
    Instant time,
    Optional<ExpertTraffic> traffic) {

  static BenchReport of(
      Model model,
      int threads,
      SpeedResult result,
      long bytesPerToken,
      double bandwidth,
      Optional<ExpertTraffic> traffic) {
    return new BenchReport(
        name(model),
        model.artifact().path().toString(),
        model.artifact().size(),
        model.plan().linears().stream().mapToLong(linear -> linear.shape().weights()).sum(),
        model.backend().value(),
        model.device(),
        ProcessorName.read(),
        model.accelerator().map(Accelerator::name).orElse(""),
        threads,
        model.batch(),
        model.cacheTypes(),
        result,
        bytesPerToken,
        bandwidth,
        Instant.now().truncatedTo(ChronoUnit.SECONDS),
        traffic);
  }

  /** The architecture and how most of its weights are stored: "olmoe QTIP". */
  private static String name(Model model) {
    EncodedLinear largest =
        model.plan().linears().stream()
            .max((a, b) -> Long.compare(a.shape().weights(), b.shape().weights()))
            .orElseThrow();
    String codec =
        switch (largest.form()) {
          case LinearForm.Dense dense -> dense.element().name();
          case LinearForm.Tiled _ -> largest.codec().value().toUpperCase(java.util.Locale.ROOT);
        };
    return model.plan().architecture() + " " + codec;
  }

  /** What part of the bandwidth generation used; 0 for prompts, which reuse weights. */
  double bandwidthShare() {
    return result.test().promptTokens() > 0 || bandwidth == 0
        ? 0
        : result.meanRate() * bytesPerToken / bandwidth;
  }
}
