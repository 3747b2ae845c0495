package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.espalier.datasets.DataFile;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.ExitCode;
import org.espalier.launcher.console.Interruption;
import org.espalier.launcher.console.NewFile;
import org.espalier.launcher.option.BackendFlags;
import org.espalier.launcher.option.CommonFlags;
import org.espalier.launcher.option.ModelFlags;
import org.espalier.launcher.option.ResultFlags;
import org.espalier.launcher.option.TextDataFlags;
import org.espalier.launcher.option.WindowFlags;
import org.espalier.launcher.report.MeasurementProgress;
import org.espalier.launcher.report.Report;
import org.espalier.runtime.Model;
import org.espalier.runtime.evaluation.PerplexityProtocol;
import org.espalier.runtime.evaluation.routing.CachePolicy;
import org.espalier.runtime.evaluation.routing.CacheResult;
import org.espalier.runtime.evaluation.routing.CacheScope;
import org.espalier.runtime.evaluation.routing.HeatMap;
import org.espalier.runtime.evaluation.routing.LayerLoad;
import org.espalier.runtime.evaluation.routing.Routing;
import org.espalier.runtime.evaluation.routing.RoutingObserver;
import org.espalier.runtime.evaluation.routing.RoutingResult;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Counts how tokens are routed. */
@Command(
    name = "routing",
    header = "Counts how a model routes the tokens of a text to its experts.",
    description = {
      "",
      "How often each expert of each layer is chosen, how uneven that is, and how often a cache of k"
          + " experts per layer would have held the expert that was needed."
    },
    sortOptions = false,
    abbreviateSynopsis = true,
    optionListHeading = "%nStatistics:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  espalier routing -m model.gguf -f text.txt --svg routing.svg",
      "  espalier routing -m model.gguf -f text.txt --cache 8,16,32 --json"
    })
final class RoutingCommand implements Callable<Integer> {
  private static final int DEFAULT_WINDOW = 512;
  private static final String PROTOCOL = "disjoint windows, every position";

  private final Console console;
  private final Interruption interruption;
  private final ModelOpening opening;

  @Option(
      names = "--svg",
      paramLabel = "FILE",
      description = "Draws a heat map, layer by expert. A file of this name is replaced.")
  private Optional<Path> picture = Optional.empty();

  @Option(
      names = "--cache",
      split = ",",
      paramLabel = "K",
      description =
          "Sizes of caches to simulate, experts per layer. Default: an eighth, a quarter, a half and"
              + " three quarters of the experts.")
  private List<Integer> cacheSizes = new ArrayList<>();

  @ArgGroup(exclusive = false, multiplicity = "1", order = 1, heading = "%nText:%n")
  private TextDataFlags text = new TextDataFlags();

  @ArgGroup(validate = false, order = 2, heading = "%nWindows:%n")
  private WindowFlags windows = new WindowFlags();

  @ArgGroup(validate = false, order = 3, heading = "%nResult:%n")
  private ResultFlags result = new ResultFlags();

  @ArgGroup(validate = false, order = 4, heading = "%nModel:%n")
  private ModelFlags model = new ModelFlags();

  @ArgGroup(validate = false, order = 5, heading = "%nComputation:%n")
  private BackendFlags backend = new BackendFlags();

  @Mixin private CommonFlags common = new CommonFlags();

  @Inject
  RoutingCommand(Console console, Interruption interruption, ModelOpening opening) {
    this.console = console;
    this.interruption = interruption;
    this.opening = opening;
  }

  @Override
  public Integer call() throws IOException {
    result.out().ifPresent(NewFile::requirePossible);
    picture.ifPresent(NewFile::requirePossible);
    DataFile file = text.open();
    RoutingObserver observer = new RoutingObserver();
    try (Model opened = opening.model(model, backend, observer);
        Interruption.Work _ = interruption.begin(() -> {})) {
      int[] tokens =
          text.tokens(file, opened.tokenizer(), PerplexityProtocol.HF::encode, console::note);
      MeasurementProgress progress =
          new MeasurementProgress(console, interruption, "chunk", "mean imbalance", false);
      RoutingResult measured;
      try {
        measured =
            Routing.measure(
                opened,
                observer,
                tokens,
                windows.window().orElse(DEFAULT_WINDOW),
                windows.mostWindows(),
                cacheSizes,
                progress);
      } finally {
        progress.end();
      }
      Report report = report(measured, tokens.length, file, opened);
      if (picture.isPresent()) {
        NewFile.write(picture.get(), picture(measured, file, opened));
        console.note("the heat map is in " + picture.get());
      }
      report.field("seconds", progress.seconds()).publish(console, result);
    }
    return ExitCode.OK;
  }

  private static String picture(RoutingResult measured, DataFile file, Model opened) {
    return HeatMap.svg(
        measured,
        "Routing of " + opened.artifact().path().getFileName(),
        "%d tokens of %s, %d of %d experts per token and layer"
            .formatted(
                (long) measured.window() * measured.windows(),
                file.path().getFileName(),
                measured.used(),
                measured.experts()));
  }

  private Report report(RoutingResult measured, int textTokens, DataFile file, Model opened) {
    Report report = new Report();
    loads(report, measured);
    caches(report, measured);
    return report
        .field("experts", measured.experts())
        .field("experts_used", measured.used())
        .field("expert_bytes", measured.expertBytes())
        .windows(
            PROTOCOL,
            measured.window(),
            measured.windows(),
            (long) measured.window() * measured.windows(),
            textTokens)
        .data(file)
        .model(opened);
  }

  private static void loads(Report report, RoutingResult measured) {
    report.line("layer   busiest  idlest  imbalance  variation  effective experts  unused");
    List<Map<String, Object>> layers = new ArrayList<>();
    for (LayerLoad load : measured.layers()) {
      report.line(
          "%5d  %6.2f %% %6.2f %%  %9.2f  %9.2f  %10.1f of %3d  %6d",
          load.layer(),
          100 * load.greatest(),
          100 * load.least(),
          load.imbalance(),
          load.variation(),
          load.effectiveExperts(),
          load.counts().size(),
          load.unused());
      Map<String, Object> fields = new LinkedHashMap<>();
      fields.put("layer", load.layer());
      fields.put("imbalance", load.imbalance());
      fields.put("variation", load.variation());
      fields.put("effective_experts", load.effectiveExperts());
      fields.put("unused", load.unused());
      fields.put("counts", load.counts());
      fields.put("weights", load.weights());
      layers.add(fields);
    }
    report.line("imbalance: the busiest expert's load over the average; variation: standard");
    report.line(
        "deviation of the loads over the average; both as if all experts were wanted alike");
    report.line("");
    report.field("layers", layers);
  }

  private static void caches(Report report, RoutingResult measured) {
    report.line("hit rate of a cache       own room per layer             one room for all layers");
    report.line(
        "experts per layer     lru  frequency  least-stale     lru  frequency  least-stale");
    List<Map<String, Object>> caches = new ArrayList<>();
    for (CacheResult cache : measured.caches()) {
      Map<String, Object> fields = new LinkedHashMap<>();
      fields.put("experts_per_layer", cache.expertsPerLayer());
      fields.put("policy", name(cache.policy()));
      fields.put("scope", name(cache.scope()));
      fields.put("hit_rate", cache.hitRate());
      fields.put("hits", cache.hits());
      fields.put("accesses", cache.accesses());
      fields.put(
          "bytes", measured.expertBytes() * cache.expertsPerLayer() * measured.layers().size());
      caches.add(fields);
    }
    measured.caches().stream()
        .map(CacheResult::expertsPerLayer)
        .distinct()
        .forEach(size ->
            report.line(
                "%17d %6.1f%% %9.1f%% %11.1f%% %6.1f%% %9.1f%% %11.1f%%",
                size,
                rate(measured, size, CacheScope.PER_LAYER, CachePolicy.LRU),
                rate(measured, size, CacheScope.PER_LAYER, CachePolicy.FREQUENCY),
                rate(measured, size, CacheScope.PER_LAYER, CachePolicy.LEAST_STALE),
                rate(measured, size, CacheScope.SHARED, CachePolicy.LRU),
                rate(measured, size, CacheScope.SHARED, CachePolicy.FREQUENCY),
                rate(measured, size, CacheScope.SHARED, CachePolicy.LEAST_STALE)));
    report.line("");
    report.field("caches", caches);
  }

  private static double rate(
      RoutingResult measured, int size, CacheScope scope, CachePolicy policy) {
    return measured.caches().stream()
        .filter(cache ->
            cache.expertsPerLayer() == size && cache.scope() == scope && cache.policy() == policy)
        .mapToDouble(cache -> 100 * cache.hitRate())
        .findFirst()
        .orElse(0);
  }

  private static String name(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
