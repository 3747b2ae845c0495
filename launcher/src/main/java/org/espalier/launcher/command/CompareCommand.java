package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.espalier.api.EspalierException.InvalidRequest;
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
import org.espalier.runtime.evaluation.divergence.CommonTokens;
import org.espalier.runtime.evaluation.divergence.Comparison;
import org.espalier.runtime.evaluation.divergence.ComparisonResult;
import org.espalier.runtime.evaluation.divergence.SaveOptions;
import org.espalier.runtime.evaluation.divergence.SavedReference;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Compares a model with a reference. */
@Command(
    name = "compare",
    header = "Measures how far a model's predictions are from a reference's.",
    description = {
      "",
      "KL divergence, agreement on the likeliest token and change of log-likelihood at every"
          + " position of disjoint windows. Far more sensitive than perplexity to what a"
          + " quantisation does."
    },
    sortOptions = false,
    abbreviateSynopsis = true,
    optionListHeading = "%nReference:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  espalier compare -m 2bit.gguf --reference bf16.gguf -f text.txt",
      "  espalier compare -m a.gguf --reference bf16.gguf -f text.txt --save-reference bf16.ref",
      "  espalier compare -m b.gguf --reference bf16.ref -f text.txt"
    })
final class CompareCommand implements Callable<Integer> {
  private static final int DEFAULT_WINDOW = 512;
  private static final String PROTOCOL = "disjoint windows, every position";

  private final Console console;
  private final Interruption interruption;
  private final ModelOpening opening;

  @Option(
      names = "--reference",
      required = true,
      paramLabel = "FILE",
      description = "The model to compare with, or what --save-reference has written.")
  private Path reference = Path.of("");

  @Option(
      names = "--save-reference",
      paramLabel = "FILE",
      description =
          "Writes the reference's predictions, shortened, to a file that stands for the reference"
              + " later. A file of this name is replaced when all is there.")
  private Optional<Path> save = Optional.empty();

  @Option(
      names = "--top-tokens",
      paramLabel = "N",
      description = {
        "How many of the likeliest tokens are saved of each position, 8 bytes each; of all others a"
            + " sample stands for the rest. Default: ${DEFAULT-VALUE}."
      })
  private int topTokens = 128;

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
  CompareCommand(Console console, Interruption interruption, ModelOpening opening) {
    this.console = console;
    this.interruption = interruption;
    this.opening = opening;
  }

  @Override
  public Integer call() throws IOException {
    result.out().ifPresent(NewFile::requirePossible);
    save.ifPresent(NewFile::requirePossible);
    Optional<SaveOptions> saving = save.map(target -> new SaveOptions(target, topTokens));
    DataFile file = text.open();
    if (SavedReference.is(reference)) {
      compareWithSaved(file);
    } else {
      compareWithModel(file, saving);
    }
    return ExitCode.OK;
  }

  private void compareWithModel(DataFile file, Optional<SaveOptions> saving) throws IOException {
    try (Model opened = opening.model(model, backend);
        Model other = opening.model(reference, model, backend);
        Interruption.Work _ = interruption.begin(() -> {})) {
      int shared = CommonTokens.of(opened, other);
      int rows = opened.plan().vocabulary();
      int otherRows = other.plan().vocabulary();
      if (rows != otherRows) {
        console.note(
            "the vocabularies have %d and %d rows, which differ by padding; compared over the %d tokens that both know"
                .formatted(rows, otherRows, shared));
      }
      int[] tokens = tokens(file, opened);
      MeasurementProgress progress = progress();
      ComparisonResult measured;
      try {
        measured =
            Comparison.measure(
                opened,
                other,
                tokens,
                windows.window().orElse(DEFAULT_WINDOW),
                windows.mostWindows(),
                saving,
                progress);
      } finally {
        progress.end();
      }
      save.ifPresent(target -> console.note("the reference's predictions are in " + target));
      report(measured, tokens.length, file, opened)
          .line("reference %s", reference.getFileName())
          .field("reference", reference.getFileName().toString())
          .field("seconds", progress.seconds())
          .publish(console, result);
    }
  }

  private void compareWithSaved(DataFile file) throws IOException {
    if (save.isPresent() || windows.window().isPresent() || windows.mostWindows() > 0) {
      throw new InvalidRequest(
          "%s holds saved predictions: its windows are fixed, so give neither -c nor --chunks nor --save-reference"
              .formatted(reference));
    }
    SavedReference saved = SavedReference.open(reference);
    try (Model opened = opening.model(model, backend);
        Interruption.Work _ = interruption.begin(() -> {})) {
      int[] tokens = tokens(file, opened);
      MeasurementProgress progress = progress();
      ComparisonResult measured;
      try {
        measured = Comparison.measure(opened, saved, tokens, progress);
      } finally {
        progress.end();
      }
      report(measured, tokens.length, file, opened)
          .line(
              "reference %s, saved in %s: the %d likeliest tokens of each position, and a sample of the others, so KL is an estimate",
              saved.model(), reference.getFileName(), saved.topTokens())
          .field("reference", saved.model())
          .field("reference_file", reference.getFileName().toString())
          .field("reference_top_tokens", saved.topTokens())
          .field("seconds", progress.seconds())
          .publish(console, result);
    }
  }

  private int[] tokens(DataFile file, Model opened) {
    return text.tokens(file, opened.tokenizer(), PerplexityProtocol.HF::encode, console::note);
  }

  private MeasurementProgress progress() {
    return new MeasurementProgress(console, interruption, "chunk", "mean KL", false);
  }

  private Report report(ComparisonResult measured, int textTokens, DataFile file, Model opened) {
    return new Report()
        .line(
            "mean KL %.5f +/- %.5f, median %.5f, 99th percentile %.5f, largest %.3f",
            measured.kl().mean(),
            measured.kl().standardError(),
            measured.medianKl(),
            measured.p99Kl(),
            measured.largestKl())
        .line(
            "same top token %.2f %% +/- %.2f %%, change of log-likelihood %.5f +/- %.5f per token",
            100 * measured.sameTop().mean(),
            100 * measured.sameTop().standardError(),
            measured.logLikelihoodChange().mean(),
            measured.logLikelihoodChange().standardError())
        .line(
            "perplexity %.4f, of the reference %.4f, over the %d common tokens",
            Math.exp(measured.meanNll()),
            Math.exp(measured.referenceMeanNll()),
            measured.commonTokens())
        .field("mean_kl", measured.kl().mean())
        .field("mean_kl_stderr", measured.kl().standardError())
        .field("median_kl", measured.medianKl())
        .field("p99_kl", measured.p99Kl())
        .field("max_kl", measured.largestKl())
        .field("top1_agreement", measured.sameTop().mean())
        .field("top1_agreement_stderr", measured.sameTop().standardError())
        .field("mean_delta_loglik", measured.logLikelihoodChange().mean())
        .field("mean_delta_loglik_stderr", measured.logLikelihoodChange().standardError())
        .field("ppl", Math.exp(measured.meanNll()))
        .field("reference_ppl", Math.exp(measured.referenceMeanNll()))
        .field("common_tokens", measured.commonTokens())
        .windows(PROTOCOL, measured.window(), measured.windows(), measured.kl().count(), textTokens)
        .data(file)
        .model(opened);
  }
}
