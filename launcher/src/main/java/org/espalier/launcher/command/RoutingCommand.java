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
import org.espalier.launcher.console.Table;
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
    Table table = new Table("rrrrrrr");
    table.row("layer", "busiest", "idlest", "imbalance", "variation", "effective", "unused");
    List<Map<String, Object>> layers = new ArrayList<>();
    for (LayerLoad load : measured.layers()) {
      table.row(
          String.valueOf(load.layer()),
          shown("%.2f %%", 100 * load.greatest()),
          shown("%.2f %%", 100 * load.least()),
          shown("%.2f", load.imbalance()),
          shown("%.2f", load.variation()),
          shown("%.1f", load.effectiveExperts()),
          String.valueOf(load.unused()));
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
    report
        .line(
            "%d of %d experts per token and layer; share of choices that the busiest and the idlest have,",
            measured.used(), measured.experts())
        .line("the busiest's load and the standard deviation of all over the average, and how many")
        .line("equally busy experts would be as varied")
        .table(table)
        .line("")
        .field("layers", layers);
  }

  private static void caches(Report report, RoutingResult measured) {
    List<Map<String, Object>> caches = new ArrayList<>();
    for (CacheResult cache : measured.caches()) {
      Map<String, Object> fields = new LinkedHashMap<>();
      fields.put("experts_per_layer", cache.expertsPerLayer());
      fields.put("policy", name(cache.policy()));
      fields.put("scope", name(cache.scope()));
      fields.put("hit_rate", cache.hitRate());
      fields.put("hits", cache.hits());
      fields.put("accesses", cache.accesses());
      fields.put("bytes", bytes(measured, cache.expertsPerLayer()));
      caches.add(fields);
    }
    Table table = new Table("rrlrrr");
    table.row("experts per layer", "MiB", "room", "lru", "frequency", "least-stale");
    measured.caches().stream()
        .map(CacheResult::expertsPerLayer)
        .distinct()
        .forEach(size -> {
          for (CacheScope scope : CacheScope.values()) {
            table.row(
                String.valueOf(size),
                shown("%.1f", bytes(measured, size) / 0x1p20),
                name(scope),
                shown("%.1f %%", rate(measured, size, scope, CachePolicy.LRU)),
                shown("%.1f %%", rate(measured, size, scope, CachePolicy.FREQUENCY)),
                shown("%.1f %%", rate(measured, size, scope, CachePolicy.LEAST_STALE)));
          }
        });
    report
        .line(
            "How often a cache of experts, empty at first, would have held the one that was needed,")
        .line("each layer with room of its own or all layers sharing as much:")
        .table(table)
        .line("")
        .field("caches", caches);
  }

  private static long bytes(RoutingResult measured, int expertsPerLayer) {
    return measured.expertBytes() * expertsPerLayer * measured.layers().size();
  }

  private static String shown(String format, double value) {
    return String.format(Locale.ROOT, format, value);
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
