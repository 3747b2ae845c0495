package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.Accelerator;
import org.espalier.api.backend.ExpertTraffic;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.ExitCode;
import org.espalier.launcher.console.Interruption;
import org.espalier.launcher.console.Shown;
import org.espalier.launcher.option.CommonFlags;
import org.espalier.launcher.option.ComputationFlags;
import org.espalier.launcher.option.ModelFlags;
import org.espalier.launcher.option.PhysicalCores;
import org.espalier.runtime.Model;
import org.espalier.runtime.ModelOptions;
import org.espalier.runtime.benchmark.MemoryBandwidth;
import org.espalier.runtime.benchmark.SpeedBenchmark;
import org.espalier.runtime.benchmark.SpeedResult;
import org.espalier.runtime.benchmark.SpeedTest;
import org.espalier.runtime.benchmark.Traffic;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Times prompts and generation. */
@Command(
    name = "bench",
    header = "Times prompts and generation, as llama-bench does.",
    description = {
      "",
      "Every combination of the given values is a test: prompts (pp), generation (tg), each after"
          + " -d positions. Random tokens; tokenizing and sampling are not timed. The mean and"
          + " standard deviation of the repetitions are printed, after one run to warm up."
    },
    sortOptions = false,
    abbreviateSynopsis = true,
    optionListHeading = "%nTests:%n",
    footerHeading = "%nExample:%n",
    footer = {"  espalier bench -m model.gguf -p 512 -n 128 -d 0,2048 -t 1,2 -o json"})
final class BenchCommand implements Callable<Integer> {
  private final Console console;
  private final Interruption interruption;
  private final ModelOpening opening;
  private final Set<String> noted = new HashSet<>();

  @ArgGroup(validate = false, order = 1, heading = "%nModel:%n")
  private ModelFlags model = new ModelFlags();

  @ArgGroup(validate = false, order = 2, heading = "%nComputation:%n")
  private ComputationFlags backend = new ComputationFlags();

  @Mixin private CommonFlags common = new CommonFlags();

  @Option(
      names = {"-p", "--n-prompt"},
      split = ",",
      paramLabel = "N",
      description = "Lengths of prompts; 0: none. Default: 512.")
  private int[] prompts = {512};

  @Option(
      names = {"-n", "--n-gen"},
      split = ",",
      paramLabel = "N",
      description = "Numbers of generated tokens; 0: none. Default: 128.")
  private int[] generations = {128};

  @Option(
      names = {"-d", "--n-depth"},
      split = ",",
      paramLabel = "N",
      description = "Positions before the timed ones. Default: 0.")
  private int[] depths = {0};

  @Option(
      names = {"-t", "--threads"},
      split = ",",
      paramLabel = "N",
      description = "Numbers of threads. Default: as many as there are physical cores.")
  private int[] threads = {};

  @Option(
      names = {"-r", "--repetitions"},
      paramLabel = "N",
      description = "How often each test is timed. Default: ${DEFAULT-VALUE}.")
  private int repetitions = 5;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FORM",
      description = "md, json or csv. Default: ${DEFAULT-VALUE}.")
  private BenchFormat format = BenchFormat.MD;

  @Inject
  BenchCommand(Console console, Interruption interruption, ModelOpening opening) {
    this.console = console;
    this.interruption = interruption;
    this.opening = opening;
  }

  @Override
  public Integer call() {
    List<SpeedTest> tests = tests();
    List<BenchReport> reports = new ArrayList<>();
    try (Interruption.Work _ = interruption.begin(() -> {})) {
      for (int count : threads.length == 0 ? new int[] {PhysicalCores.count()} : threads) {
        if (!interruption.requested()) {
          reports.addAll(run(tests, count));
        }
      }
    }
    console.print(format.render(reports));
    interruption.check();
    return ExitCode.OK;
  }

  /** The model is opened for every number of threads; what it says is the same each time. */
  private void noteOnce(String notice) {
    if (noted.add(notice)) {
      console.note(notice);
    }
  }

  private List<SpeedTest> tests() {
    if (repetitions < 1) {
      throw new InvalidRequest("-r: at least one repetition is needed");
    }
    List<SpeedTest> tests = new ArrayList<>();
    for (int depth : depths) {
      for (int prompt : prompts) {
        if (prompt != 0) {
          tests.add(new SpeedTest(prompt, 0, depth));
        }
      }
      for (int generation : generations) {
        if (generation != 0) {
          tests.add(new SpeedTest(0, generation, depth));
        }
      }
    }
    return tests;
  }

  private static int context(List<SpeedTest> tests) {
    return tests.stream()
        .mapToInt(test -> test.depth() + test.promptTokens() + test.generatedTokens())
        .max()
        .orElse(0);
  }

  private List<BenchReport> run(List<SpeedTest> tests, int count) {
    if (count < 1 || count > ModelOptions.MOST_THREADS) {
      throw new InvalidRequest(
          "-t: 1 to %d threads are possible, not %d".formatted(ModelOptions.MOST_THREADS, count));
    }
    double hostBandwidth = MemoryBandwidth.measure(count);
    List<BenchReport> reports = new ArrayList<>();
    try (Model opened = opening.model(model, backend, count, context(tests), this::noteOnce)) {
      double bandwidth =
          opened.accelerator().map(Accelerator::memoryBandwidth).orElse(hostBandwidth);
      SpeedBenchmark benchmark = new SpeedBenchmark(opened, interruption::requested);
      for (SpeedTest test : tests) {
        if (!interruption.requested()) {
          console.progress("%s, %s …".formatted(Shown.count(count, "thread"), test.label()));
          Optional<ExpertTraffic> before = opened.executable().traffic();
          SpeedResult result = benchmark.run(test, repetitions);
          if (!interruption.requested()) {
            long bytes =
                Traffic.weights(opened.plan())
                    + Traffic.cache(
                        opened.plan(),
                        test.depth() + test.generatedTokens() / 2,
                        opened.cacheTypes());
            Optional<ExpertTraffic> traffic =
                before.flatMap(b -> opened.executable().traffic().map(now -> now.since(b)));
            reports.add(BenchReport.of(opened, count, result, bytes, bandwidth, traffic));
          }
        }
      }
      console.progress("");
    }
    return reports;
  }
}
