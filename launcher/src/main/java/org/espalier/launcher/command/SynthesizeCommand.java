package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.espalier.api.codec.BlockQuantizer;
import org.espalier.api.codec.Codec;
import org.espalier.api.format.ModelFormat;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.ExitCode;
import org.espalier.launcher.console.Interruption;
import org.espalier.launcher.discovery.ProviderDiscovery;
import org.espalier.launcher.option.CommonFlags;
import org.espalier.runtime.Providers;
import org.espalier.runtime.synthesis.Synthesizer;
import org.espalier.runtime.synthesis.SyntheticShape;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Writes a model with random weights. */
@Command(
    name = "synthesize",
    header = "Writes a model with random weights, for benchmarks.",
    description = {
      "",
      "It generates gibberish at the speed of a real model of the same shape. Equal seeds give"
          + " equal files."
    },
    sortOptions = false,
    abbreviateSynopsis = true,
    optionListHeading = "%nFlags:%n",
    footerHeading = "%nExample:%n",
    footer = {"  espalier synthesize -o random-7b.gguf --preset olmoe-1b-7b"})
final class SynthesizeCommand implements Callable<Integer> {
  private final Console console;
  private final Interruption interruption;
  private final ProviderDiscovery discovery;

  @Option(
      names = {"-o", "--out"},
      required = true,
      paramLabel = "FILE",
      description = "Where it goes.")
  private Path out = Path.of("");

  @Option(
      names = "--preset",
      paramLabel = "SHAPE",
      description = "olmoe-1b-7b (2.5 GiB) or tiny. Default: ${DEFAULT-VALUE}.")
  private String preset = SyntheticShape.OLMOE_1B_7B.name();

  @Option(
      names = {"-s", "--seed"},
      paramLabel = "N",
      description = "Of the weights. Default: ${DEFAULT-VALUE}.")
  private long seed = 0;

  @Option(names = "--force", description = "Replaces a file that is there.")
  private boolean force;

  @Option(
      names = "--format",
      paramLabel = "NAME",
      description = "Kind of file. Default: ${DEFAULT-VALUE}.")
  private String format = "gguf";

  @Option(
      names = "--codec",
      paramLabel = "NAME",
      description = "Encoding of the weights. Default: ${DEFAULT-VALUE}.")
  private String codec = "qtip";

  @Option(
      names = "--plain",
      description = "Leaves the weights unencoded (BF16): a model to quantise.")
  private boolean plain;

  @Option(
      names = "--attention",
      paramLabel = "TYPE",
      description = "Stores the matrices of attention in blocks: q4_0, iq4_nl, q5_0 or q6_k.")
  private Optional<String> attention = Optional.empty();

  @Option(
      names = "--layers",
      paramLabel = "N",
      description = "Other than the shape's number of layers.")
  private Optional<Integer> layers = Optional.empty();

  @Mixin private CommonFlags common = new CommonFlags();

  @Inject
  SynthesizeCommand(Console console, Interruption interruption, ProviderDiscovery discovery) {
    this.console = console;
    this.interruption = interruption;
    this.discovery = discovery;
  }

  @Override
  public Integer call() throws IOException {
    SyntheticShape shape =
        Named.find(
            "--preset",
            preset,
            List.of(SyntheticShape.OLMOE_1B_7B, SyntheticShape.TINY),
            SyntheticShape::name);
    shape = layers.map(shape::withLayers).orElse(shape);
    Providers providers = discovery.find(List.of());
    ModelFormat writer = Named.find("--format", format, providers.formats(), ModelFormat::id);
    Optional<Codec> encoding =
        plain
            ? Optional.empty()
            : Optional.of(
                Named.find(
                    "--codec", codec, providers.codecs(), candidate -> candidate.id().value()));
    Optional<BlockQuantizer> blocks =
        attention.map(name ->
            Named.find(
                "--attention",
                name,
                providers.codecs().stream()
                    .flatMap(candidate -> candidate.blockQuantizers().stream())
                    .toList(),
                BlockQuantizer::name));
    long size = SyntheticSize.estimate(shape, encoding, blocks);
    Target.check(out, force, size);

    WriteProgress progress = new WriteProgress(console);
    try (Interruption.Work _ = interruption.begin(() -> {})) {
      Synthesizer.write(
          out,
          shape,
          writer,
          encoding,
          blocks,
          seed,
          written -> {
            interruption.check();
            progress.written(written, size);
          });
    } finally {
      progress.end();
    }
    console.note("%s holds %s".formatted(out, WriteProgress.bytes(Files.size(out))));
    return ExitCode.OK;
  }
}
