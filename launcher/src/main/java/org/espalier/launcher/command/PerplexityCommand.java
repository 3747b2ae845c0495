package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.io.IOException;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.espalier.datasets.DataFile;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.ExitCode;
import org.espalier.launcher.console.Interruption;
import org.espalier.launcher.console.NewFile;
import org.espalier.launcher.option.BackendFlags;
import org.espalier.launcher.option.CommonFlags;
import org.espalier.launcher.option.ModelFlags;
import org.espalier.launcher.option.ProtocolConverter;
import org.espalier.launcher.option.ResultFlags;
import org.espalier.launcher.option.TextDataFlags;
import org.espalier.launcher.option.WindowFlags;
import org.espalier.launcher.report.MeasurementProgress;
import org.espalier.launcher.report.Report;
import org.espalier.runtime.Model;
import org.espalier.runtime.evaluation.Perplexity;
import org.espalier.runtime.evaluation.PerplexityOptions;
import org.espalier.runtime.evaluation.PerplexityProtocol;
import org.espalier.runtime.evaluation.PerplexityResult;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Measures perplexity. */
@Command(
    name = "perplexity",
    header = "Measures how surprised a model is by a text.",
    description = {
      "",
      "Protocol llama is that of llama.cpp's tool: windows of 512, of which the second half counts."
          + " Protocol hf is that of the published numbers of OLMoE's 2-bit model: windows of 2048,"
          + " all of which counts but the first token."
    },
    sortOptions = false,
    abbreviateSynopsis = true,
    optionListHeading = "%nGeneral:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  espalier perplexity -m model.gguf -f wiki.test.raw",
      "  espalier perplexity -m model.gguf -f wiki.test.raw --wikitext-rows --protocol hf",
      "  espalier perplexity -m model.gguf -f c4.json.gz --each-document --tokens 300000 --protocol hf"
    })
final class PerplexityCommand implements Callable<Integer> {
  private final Console console;
  private final Interruption interruption;
  private final ModelOpening opening;

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

  @Option(
      names = "--protocol",
      paramLabel = "NAME",
      converter = ProtocolConverter.class,
      description = "llama or hf. Default: llama.")
  private PerplexityProtocol protocol = PerplexityProtocol.LLAMA;

  @Inject
  PerplexityCommand(Console console, Interruption interruption, ModelOpening opening) {
    this.console = console;
    this.interruption = interruption;
    this.opening = opening;
  }

  @Override
  public Integer call() throws IOException {
    result.out().ifPresent(NewFile::requirePossible);
    PerplexityOptions options =
        new PerplexityOptions(
            protocol, windows.window().orElse(protocol.defaultWindow()), windows.mostWindows());
    DataFile file = text.open();
    try (Model opened = opening.modelForContext(model, backend, options.window());
        Interruption.Work _ = interruption.begin(() -> {})) {
      int[] tokens = text.tokens(file, opened.tokenizer(), protocol::encode, console::note);
      MeasurementProgress progress =
          new MeasurementProgress(console, interruption, "chunk", "perplexity", !result.json());
      PerplexityResult measured;
      try {
        measured = Perplexity.measure(opened, tokens, options, progress);
      } finally {
        progress.end();
      }
      report(measured, tokens.length, progress.seconds(), file, opened).publish(console, result);
    }
    return ExitCode.OK;
  }

  private Report report(
      PerplexityResult measured, int textTokens, double seconds, DataFile file, Model opened) {
    return new Report()
        .line(
            "Final estimate: PPL = %.4f +/- %.5f", measured.perplexity(), measured.standardError())
        .field("ppl", measured.perplexity())
        .field("stderr", measured.standardError())
        .field("mean_nll", measured.meanNll())
        .field("mean_nll_stderr", measured.meanNllError())
        .windows(
            protocol.name().toLowerCase(Locale.ROOT),
            measured.options().window(),
            measured.windows(),
            measured.tokens(),
            textTokens)
        .data(file)
        .model(opened)
        .field("seconds", seconds);
  }
}
