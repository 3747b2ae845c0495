package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.format.ModelFormat;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.ExitCode;
import org.espalier.launcher.console.Interruption;
import org.espalier.launcher.console.NewFile;
import org.espalier.launcher.discovery.ProviderDiscovery;
import org.espalier.launcher.option.CommonFlags;
import org.espalier.launcher.report.QuantizationProgress;
import org.espalier.runtime.Providers;
import org.espalier.runtime.quantisation.pipeline.MatrixReport;
import org.espalier.runtime.quantisation.pipeline.Merge;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Joins what several machines have quantised. */
@Command(
    name = "merge",
    header = "Joins the shards of a quantisation.",
    description = {
      "",
      "The file is the one that a single run would have written, to the last bit. The shards stay"
          + " where they are."
    },
    sortOptions = false,
    abbreviateSynopsis = true,
    optionListHeading = "%nFlags:%n",
    footerHeading = "%nExample:%n",
    footer = {"  espalier merge -m OLMoE-1B-7B-0125 -o olmoe-qtip.gguf olmoe-qtip.gguf.shard-*"})
final class MergeCommand implements Callable<Integer> {
  private final Console console;
  private final Interruption interruption;
  private final ProviderDiscovery discovery;

  @Option(
      names = {"-m", "--model"},
      required = true,
      paramLabel = "FOLDER",
      description = "The checkpoint that the shards were made from.")
  private Path model = Path.of("");

  @Option(
      names = {"-o", "--out"},
      required = true,
      paramLabel = "FILE",
      description = "Where it goes.")
  private Path out = Path.of("");

  @Parameters(
      paramLabel = "SHARD",
      arity = "0..*",
      description = "Folders that quantize --shard left. Default: FILE.shard-*.")
  private List<Path> shards = new ArrayList<>();

  @Option(names = "--force", description = "Replaces a file that is there.")
  private boolean force;

  @Option(
      names = "--json-report",
      paramLabel = "FILE",
      description = "Writes a line of JSON about every matrix.")
  private Optional<Path> report = Optional.empty();

  @Option(
      names = "--picture",
      paramLabel = "FILE",
      description = "Draws the losses by layer and projection (SVG).")
  private Optional<Path> picture = Optional.empty();

  @Option(
      names = "--format",
      paramLabel = "NAME",
      description = "Kind of the new file. Default: ${DEFAULT-VALUE}.")
  private String format = "gguf";

  @Mixin private CommonFlags common = new CommonFlags();

  @Inject
  MergeCommand(Console console, Interruption interruption, ProviderDiscovery discovery) {
    this.console = console;
    this.interruption = interruption;
    this.discovery = discovery;
  }

  @Override
  public Integer call() throws IOException {
    Target.check(out, force, 0);
    report.ifPresent(NewFile::requirePossible);
    picture.ifPresent(NewFile::requirePossible);
    Providers providers = discovery.find(List.of());
    ModelFormat writer = Named.find("--format", format, providers.formats(), ModelFormat::id);
    List<MatrixReport> reports;
    QuantizationProgress progress = new QuantizationProgress(console, interruption, report);
    try (Interruption.Work _ = interruption.begin(() -> {})) {
      reports = Merge.run(model, folders(), out, providers, writer, progress);
    } finally {
      progress.end();
    }
    QuantizationResult.tell(console, out, reports, picture);
    return ExitCode.OK;
  }

  private List<Path> folders() throws IOException {
    if (!shards.isEmpty()) {
      return shards;
    }
    String prefix = out.getFileName() + ".shard-";
    try (Stream<Path> files = Files.list(out.toAbsolutePath().getParent())) {
      List<Path> found =
          files.filter(file -> file.getFileName().toString().startsWith(prefix)).sorted().toList();
      if (found.isEmpty()) {
        throw new InvalidRequest("there are no shards %s*: name them".formatted(prefix));
      }
      return found;
    }
  }
}
