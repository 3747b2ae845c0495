package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.TileQuantizer;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.ModelFormat;
import org.espalier.datasets.CalibrationData;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.ExitCode;
import org.espalier.launcher.console.Interruption;
import org.espalier.launcher.console.NewFile;
import org.espalier.launcher.discovery.ProviderDiscovery;
import org.espalier.launcher.option.CommonFlags;
import org.espalier.launcher.option.HubFlags;
import org.espalier.launcher.option.QuantizationFlags;
import org.espalier.launcher.report.QuantizationProgress;
import org.espalier.runtime.Model;
import org.espalier.runtime.Providers;
import org.espalier.runtime.quantisation.calibration.CalibrationTokens;
import org.espalier.runtime.quantisation.pipeline.MatrixReport;
import org.espalier.runtime.quantisation.pipeline.Quantization;
import org.espalier.runtime.quantisation.pipeline.QuantizationOptions;
import org.espalier.runtime.quantisation.pipeline.QuantizationTools;
import org.espalier.runtime.quantisation.pipeline.Shard;
import org.espalier.runtime.tokenizer.Tokenizer;
import org.espalier.runtime.tokenizer.TokenizerCompatibility;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Makes a 2-bit model. */
@Command(
    name = "quantize",
    header = "Makes a 2-bit model of a Hugging Face checkpoint.",
    description = {
      "",
      "It runs the model over a text, layer by layer, sees what every expert gets to read, and chooses"
          + " the codes that change its answers least. Finished matrices gather in a folder beside the"
          + " new file, FILE.work, until all are there; after an interruption --resume goes on."
    },
    sortOptions = false,
    abbreviateSynopsis = true,
    optionListHeading = "%nGeneral:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  espalier quantize -m OLMoE-1B-7B-0125 --calibration c4.jsonl.gz -o olmoe-qtip.gguf",
      "  espalier quantize -m OLMoE-1B-7B-0125 --calibration c4.jsonl.gz -o olmoe-qtip.gguf --resume",
      "  espalier quantize -m OLMoE-1B-7B-0125 --calibration c4.jsonl.gz -o olmoe-qtip.gguf --shard 2/8"
    })
final class QuantizeCommand implements Callable<Integer> {
  private final Console console;
  private final Interruption interruption;
  private final ProviderDiscovery discovery;
  private final ModelDownload download;

  @Option(
      names = {"-m", "--model"},
      paramLabel = "FOLDER",
      description = "The checkpoint: a folder with safetensors and config.json, or a model file.")
  private Optional<Path> model = Optional.empty();

  @Option(
      names = {"-o", "--out"},
      required = true,
      paramLabel = "FILE",
      description = "Where it goes.")
  private Path out = Path.of("");

  @Option(names = "--resume", description = "Goes on with work that was broken off.")
  private boolean resume;

  @Option(
      names = "--force",
      description = "Replaces a file that is there, and throws unfinished work away.")
  private boolean force;

  @ArgGroup(validate = false, order = 1, heading = "%nQuantisation:%n")
  private QuantizationFlags flags = new QuantizationFlags();

  @ArgGroup(validate = false, order = 2, heading = "%nDownload:%n")
  private HubFlags hub = new HubFlags();

  @Mixin private CommonFlags common = new CommonFlags();

  @Inject
  QuantizeCommand(
      Console console,
      Interruption interruption,
      ProviderDiscovery discovery,
      ModelDownload download) {
    this.console = console;
    this.interruption = interruption;
    this.discovery = discovery;
    this.download = download;
  }

  @Override
  public Integer call() throws IOException {
    if (resume && force) {
      throw new InvalidRequest("--resume goes on with work and --force throws it away: choose one");
    }
    Target.check(out, force, 0);
    flags.report().ifPresent(NewFile::requirePossible);
    flags.picture().ifPresent(NewFile::requirePossible);
    Path checkpoint = download.checkpoint(model, hub);
    Providers providers = discovery.find(List.of());
    QuantizationTools tools = tools(providers);
    QuantizationOptions options = flags.options(resume, force, providers.codecs());
    List<MatrixReport> reports;
    QuantizationProgress progress = new QuantizationProgress(console, interruption, flags.report());
    try (Interruption.Work _ = interruption.begin(() -> {})) {
      reports =
          Quantization.run(
              checkpoint, calibration(checkpoint, providers), out, tools, options, progress);
    } finally {
      progress.end();
    }
    if (options.shard().isPresent()) {
      Shard shard = options.shard().get();
      console.note("shard %s is finished; merge joins the shards".formatted(shard));
      QuantizationResult.tell(console, Quantization.folder(out, shard), reports, flags.picture());
    } else {
      QuantizationResult.tell(console, out, reports, flags.picture());
    }
    return ExitCode.OK;
  }

  private QuantizationTools tools(Providers providers) {
    Codec codec = Named.find("--codec", flags.codec(), providers.codecs(), c -> c.id().value());
    ModelFormat format =
        Named.find("--format", flags.format(), providers.formats(), ModelFormat::id);
    return new QuantizationTools(
        providers, flags.backend(), codec, search(codec), discovery.linearAlgebra(), format);
  }

  private TileQuantizer search(Codec codec) {
    List<TileQuantizer> candidates =
        discovery.tileQuantizers().stream()
            .filter(tiles -> tiles.codec().equals(codec.id()))
            .toList();
    if (flags.search().isPresent()) {
      return Named.find("--search", flags.search().get(), candidates, TileQuantizer::name);
    }
    for (TileQuantizer tiles : candidates) {
      switch (tiles.newSearch()) {
        case Offer.Accepted<TileQuantizer.Search> _ -> {
          return tiles;
        }
        case Offer.Declined<TileQuantizer.Search>(String reason) ->
            console.note("the search '%s' is not used: %s".formatted(tiles.name(), reason));
      }
    }
    throw new Unsupported("nothing on the path finds codes for the codec " + codec.id());
  }

  private Optional<CalibrationTokens> calibration(Path checkpoint, Providers providers) {
    return flags
        .calibration()
        .map(path -> {
          Metadata metadata = Model.metadata(checkpoint, providers);
          Tokenizer tokenizer =
              Tokenizer.of(metadata, TokenizerCompatibility.HUGGING_FACE, console::note);
          return new CalibrationData(flags.field(), flags.sequences(), flags.length())
              .read(path, tokenizer, console::note);
        });
  }
}
