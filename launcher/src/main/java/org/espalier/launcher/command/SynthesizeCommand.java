package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
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
        named(
            "--preset",
            preset,
            List.of(SyntheticShape.OLMOE_1B_7B, SyntheticShape.TINY),
            SyntheticShape::name);
    Providers providers = discovery.find(List.of());
    ModelFormat writer = named("--format", format, providers.formats(), ModelFormat::id);
    Codec encoding =
        named("--codec", codec, providers.codecs(), candidate -> candidate.id().value());
    long size = SyntheticSize.estimate(shape, encoding);
    checkTarget(size);

    SynthesisProgress progress = new SynthesisProgress(console, size);
    try (Interruption.Work _ = interruption.begin(() -> {})) {
      Synthesizer.write(
          out,
          shape,
          writer,
          encoding,
          seed,
          written -> {
            interruption.check();
            progress.written(written);
          });
    } finally {
      progress.end();
    }
    console.note("%s holds %s".formatted(out, SynthesisProgress.bytes(Files.size(out))));
    return ExitCode.OK;
  }

  private void checkTarget(long size) throws IOException {
    if (Files.exists(out) && !force) {
      throw new InvalidRequest(out + " exists; --force replaces it");
    }
    if (Files.isDirectory(out)) {
      throw new InvalidRequest(out + " is a folder");
    }
    Path folder = out.toAbsolutePath().getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      throw new InvalidRequest("there is no folder " + folder);
    }
    long free = Files.getFileStore(folder).getUsableSpace();
    if (free < size) {
      throw new DeviceFailure(
          "%s has room for %s, but the model takes %s"
              .formatted(folder, SynthesisProgress.bytes(free), SynthesisProgress.bytes(size)));
    }
  }

  private static <T> T named(
      String flag, String name, List<T> candidates, Function<T, String> naming) {
    return candidates.stream()
        .filter(candidate -> naming.apply(candidate).equals(name))
        .findFirst()
        .orElseThrow(() ->
            new Unsupported(
                "%s %s: there is none of this name; known are %s"
                    .formatted(
                        flag,
                        name,
                        candidates.stream().map(naming).collect(Collectors.joining(", ")))));
  }
}
