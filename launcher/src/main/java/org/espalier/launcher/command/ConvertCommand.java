package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.tensor.ElementType;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.ExitCode;
import org.espalier.launcher.console.Interruption;
import org.espalier.launcher.console.Shown;
import org.espalier.launcher.discovery.ProviderDiscovery;
import org.espalier.launcher.option.CommonFlags;
import org.espalier.launcher.option.HubFlags;
import org.espalier.runtime.Providers;
import org.espalier.runtime.conversion.Conversion;
import org.espalier.runtime.conversion.ConversionListener;
import org.espalier.runtime.conversion.ConversionOptions;
import org.espalier.runtime.conversion.ConversionReport;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Writes a checkpoint as a GGUF file. */
@Command(
    name = "convert",
    header = "Writes a Hugging Face checkpoint as a GGUF file.",
    description = {
      "",
      "The file has the whole tokenizer, added tokens included. Weights that the chosen type cannot"
          + " hold exactly are rounded, and the program says so."
    },
    sortOptions = false,
    abbreviateSynopsis = true,
    optionListHeading = "%nFlags:%n",
    footerHeading = "%nExample:%n",
    footer = {"  espalier convert -m OLMoE-1B-7B-0125 -o olmoe-bf16.gguf --type bf16"})
final class ConvertCommand implements Callable<Integer> {
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

  @Option(
      names = "--type",
      paramLabel = "TYPE",
      description =
          "Of the matrices: bf16, f16 or f32; norms and routers are f32. Default:"
              + " ${DEFAULT-VALUE}.")
  private String type = "bf16";

  @Option(
      names = "--name",
      paramLabel = "TEXT",
      description = "The model's name in the new file. Default: that of the checkpoint.")
  private Optional<String> name = Optional.empty();

  @Option(names = "--force", description = "Replaces a file that is there.")
  private boolean force;

  @Option(
      names = "--format",
      paramLabel = "NAME",
      description = "Kind of the new file. Default: ${DEFAULT-VALUE}.")
  private String format = "gguf";

  @ArgGroup(validate = false, order = 2, heading = "%nDownload:%n")
  private HubFlags hub = new HubFlags();

  @Mixin private CommonFlags common = new CommonFlags();

  @Inject
  ConvertCommand(
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
    ElementType element =
        Named.find("--type", type, List.of(ElementType.values()), ConvertCommand::name);
    Providers providers = discovery.find(List.of());
    ModelFormat writer = Named.find("--format", format, providers.formats(), ModelFormat::id);
    Target.check(out, force, 0);
    Path checkpoint = download.checkpoint(model, hub);
    WriteProgress progress = new WriteProgress(console);
    ConversionReport report;
    try (Interruption.Work _ = interruption.begin(() -> {})) {
      report =
          Conversion.convert(
              checkpoint,
              out,
              writer,
              providers,
              new ConversionOptions(element, name),
              new ConversionListener() {
                @Override
                public void notice(String sentence) {
                  console.note(sentence);
                }

                @Override
                public void progress(long written, long total) {
                  interruption.check();
                  progress.written(written, total);
                }
              });
    } finally {
      progress.end();
    }
    console.note(
        "%s holds %s in %s, %s"
            .formatted(
                out,
                Shown.count(report.weights(), "weight"),
                Shown.count(report.tensors(), "tensor"),
                WriteProgress.bytes(Files.size(out))));
    return ExitCode.OK;
  }

  private static String name(ElementType type) {
    return type.name().toLowerCase(Locale.ROOT);
  }
}
