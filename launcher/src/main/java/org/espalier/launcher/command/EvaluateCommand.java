package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.espalier.datasets.DataFile;
import org.espalier.datasets.task.ChoiceTask;
import org.espalier.datasets.task.Labels;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.ExitCode;
import org.espalier.launcher.console.Interruption;
import org.espalier.launcher.console.NewFile;
import org.espalier.launcher.option.BackendFlags;
import org.espalier.launcher.option.CommonFlags;
import org.espalier.launcher.option.ModelFlags;
import org.espalier.launcher.option.ResultFlags;
import org.espalier.launcher.option.TaskConverter;
import org.espalier.launcher.report.MeasurementProgress;
import org.espalier.launcher.report.Report;
import org.espalier.runtime.Model;
import org.espalier.runtime.evaluation.Mean;
import org.espalier.runtime.evaluation.choice.MultipleChoice;
import org.espalier.runtime.evaluation.choice.MultipleChoiceResult;
import org.espalier.runtime.evaluation.choice.Question;
import org.espalier.runtime.evaluation.choice.QuestionResult;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Scores questions with several answers. */
@Command(
    name = "evaluate",
    header = "Scores questions with several answers.",
    description = {
      "",
      "As lm-evaluation-harness 0.4.11 does, zero-shot: acc takes the likeliest answer, acc_norm the"
          + " likeliest per character. Data as the data sets publish them: lines of JSON, or the"
          + " Parquet files of the Hugging Face Hub."
    },
    sortOptions = false,
    abbreviateSynopsis = true,
    optionListHeading = "%nQuestions:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  espalier evaluate -m m.gguf --task hellaswag --data hellaswag_val.jsonl",
      "  espalier evaluate -m m.gguf --task piqa --data valid.jsonl --labels valid-labels.lst",
      "  espalier evaluate -m m.gguf --task arc_challenge --data test.parquet --json"
    })
final class EvaluateCommand implements Callable<Integer> {
  private static final String PROTOCOL = "lm-evaluation-harness 0.4.11, zero-shot";

  private final Console console;
  private final Interruption interruption;
  private final ModelOpening opening;

  @Option(
      names = "--task",
      required = true,
      paramLabel = "NAME",
      converter = TaskConverter.class,
      description = "hellaswag, piqa, arc_easy or arc_challenge.")
  private ChoiceTask task = ChoiceTask.HELLASWAG;

  @Option(
      names = "--data",
      required = true,
      paramLabel = "FILE",
      description = "The questions: lines of JSON, perhaps compressed with gzip, or Parquet.")
  private Path data = Path.of("");

  @Option(
      names = "--labels",
      paramLabel = "FILE",
      description = "Indices of the right answers, one per line, where the questions lack them.")
  private Optional<Path> labels = Optional.empty();

  @Option(
      names = "--limit",
      paramLabel = "N",
      description = "Only the first N questions; 0 or less: all. Default: ${DEFAULT-VALUE}.")
  private int limit = 0;

  @ArgGroup(validate = false, order = 2, heading = "%nResult:%n")
  private ResultFlags result = new ResultFlags();

  @ArgGroup(validate = false, order = 3, heading = "%nModel:%n")
  private ModelFlags model = new ModelFlags();

  @ArgGroup(validate = false, order = 4, heading = "%nComputation:%n")
  private BackendFlags backend = new BackendFlags();

  @Mixin private CommonFlags common = new CommonFlags();

  @Inject
  EvaluateCommand(Console console, Interruption interruption, ModelOpening opening) {
    this.console = console;
    this.interruption = interruption;
    this.opening = opening;
  }

  @Override
  public Integer call() throws IOException {
    result.out().ifPresent(NewFile::requirePossible);
    DataFile file = DataFile.open(data);
    List<Integer> right = labels.map(DataFile::open).map(Labels::read).orElse(List.of());
    List<Question> questions = task.questions(file, right, Math.max(0, limit));
    try (Model opened = opening.model(model, backend);
        Interruption.Work _ = interruption.begin(() -> {})) {
      MeasurementProgress progress =
          new MeasurementProgress(console, interruption, "question", "acc_norm", false);
      MultipleChoiceResult scored;
      try {
        scored = MultipleChoice.score(opened, questions, progress);
      } finally {
        progress.end();
      }
      report(scored, progress.seconds(), file, opened).publish(console, result);
    }
    return ExitCode.OK;
  }

  private Report report(MultipleChoiceResult scored, double seconds, DataFile file, Model opened) {
    Mean accuracy = scored.accuracy();
    Mean normalised = scored.normalisedAccuracy();
    Report report =
        new Report()
            .line(
                "%s, %d questions: acc %.4f +/- %.4f, acc_norm %.4f +/- %.4f",
                task.id(),
                accuracy.count(),
                accuracy.mean(),
                accuracy.standardError(),
                normalised.mean(),
                normalised.standardError())
            .line(
                "protocol %s, context %d, every question on its own: %d tokens counted",
                PROTOCOL, opened.plan().contextLength(), scored.tokens())
            .field("task", task.id())
            .field("acc", accuracy.mean())
            .field("acc_stderr", accuracy.standardError())
            .field("acc_norm", normalised.mean())
            .field("acc_norm_stderr", normalised.standardError())
            .field("n", accuracy.count())
            .field("protocol", PROTOCOL)
            .field("context", opened.plan().contextLength())
            .field("stride", "every question on its own")
            .field("tokens", scored.tokens())
            .data(file)
            .model(opened)
            .field("seconds", seconds);
    return report.field("questions", questions(scored));
  }

  private static List<Map<String, Object>> questions(MultipleChoiceResult scored) {
    List<Map<String, Object>> all = new ArrayList<>();
    for (QuestionResult question : scored.questions()) {
      Map<String, Object> fields = new LinkedHashMap<>();
      fields.put("index", all.size());
      fields.put("ll", question.logLikelihoods());
      fields.put("tokens", question.tokens());
      fields.put("chars", question.characters());
      fields.put("label", question.gold());
      fields.put("acc", question.likeliest() == question.gold());
      fields.put("acc_norm", question.likeliestPerCharacter() == question.gold());
      all.add(fields);
    }
    return all;
  }
}
