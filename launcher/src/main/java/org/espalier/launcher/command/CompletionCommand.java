package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.Binding;
import org.espalier.api.backend.Observer;
import org.espalier.api.backend.Session;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.ExitCode;
import org.espalier.launcher.console.Interruption;
import org.espalier.launcher.console.Shown;
import org.espalier.launcher.option.AcceptedFlags;
import org.espalier.launcher.option.BackendFlags;
import org.espalier.launcher.option.CommonFlags;
import org.espalier.launcher.option.GenerationFlags;
import org.espalier.launcher.option.ModelFlags;
import org.espalier.launcher.option.PromptFlags;
import org.espalier.launcher.option.SamplingFlags;
import org.espalier.launcher.report.StageTimes;
import org.espalier.runtime.Model;
import org.espalier.runtime.generation.FinishReason;
import org.espalier.runtime.generation.GenerationOptions;
import org.espalier.runtime.generation.GenerationResult;
import org.espalier.runtime.generation.Generator;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Continues a text. */
@Command(
    name = "completion",
    header = "Continues a text.",
    description = {
      "",
      "Flags, defaults and output are those of llama.cpp's llama-completion: the text and its"
          + " continuation on standard output, everything else on standard error. A base model"
          + " completes texts; it does not answer questions."
    },
    sortOptions = false,
    abbreviateSynopsis = true,
    optionListHeading = "%nGeneral:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  espalier completion -p \"Once upon a time\" -n 100",
      "  espalier completion -m model.gguf -f story.txt -n 200 --repeat-penalty 1.1",
      "  espalier completion -m model.gguf -p \"2, 3, 5, 7,\" -n 8 --temp 0"
    })
final class CompletionCommand implements Callable<Integer> {
  private final Console console;
  private final Interruption interruption;
  private final ModelOpening opening;

  @ArgGroup(validate = false, order = 1, heading = "%nText:%n")
  private PromptFlags prompt = new PromptFlags();

  @ArgGroup(validate = false, order = 2, heading = "%nLength:%n")
  private GenerationFlags generation = new GenerationFlags();

  @ArgGroup(validate = false, order = 3, heading = "%nSampling:%n")
  private SamplingFlags sampling = new SamplingFlags();

  @ArgGroup(validate = false, order = 4, heading = "%nModel:%n")
  private ModelFlags model = new ModelFlags();

  @ArgGroup(validate = false, order = 5, heading = "%nComputation:%n")
  private BackendFlags backend = new BackendFlags();

  @ArgGroup(validate = false, order = 6, heading = "%nAccepted for llama.cpp's sake:%n")
  private AcceptedFlags accepted = new AcceptedFlags();

  @Mixin private CommonFlags common = new CommonFlags();

  @Option(names = "--no-display-prompt", description = "Prints the continuation only.")
  private boolean hidePrompt;

  @Option(
      names = {"-co", "--color"},
      description = "Shows the prompt in another colour where standard output is a terminal.")
  private boolean color;

  @Inject
  CompletionCommand(Console console, Interruption interruption, ModelOpening opening) {
    this.console = console;
    this.interruption = interruption;
    this.opening = opening;
  }

  @Override
  public Integer call() throws IOException {
    long started = System.nanoTime();
    String text = prompt.read(console);
    if (generation.context() < 0) {
      throw new InvalidRequest(
          "-c %d is negative: 0 means the model's own".formatted(generation.context()));
    }
    accepted.mention(console);
    Optional<StageTimes> times =
        common.verbose() ? Optional.of(new StageTimes()) : Optional.empty();
    Observer observer = times.isPresent() ? times.get() : Observer.NONE;
    try (Model opened = opening.modelForContext(model, backend, generation.context(), observer);
        Session session = opened.newSession(generation.context())) {
      int[] tokens = opened.tokenizer().encodePrompt(text);
      GenerationOptions options = options(generation.seed());
      Generator generator =
          new Generator(session, opened.tokenizer(), opened.plan().vocabulary(), opened.batch());
      GenerationDisplay display =
          new GenerationDisplay(
              console,
              interruption,
              started,
              times,
              () -> {
                introduce(opened, session, tokens.length, options.seed());
                show(text);
              });
      try (Interruption.Work _ = interruption.begin(display::lastWords)) {
        GenerationResult result = generator.generate(tokens, options, display);
        display.ended(result);
        opened
            .executable()
            .traffic()
            .ifPresent(
                traffic -> ExpertLines.afterwards(traffic, common.verbose()).forEach(console::say));
        return result.reason() == FinishReason.CANCELLED ? ExitCode.INTERRUPTED : ExitCode.OK;
      }
    }
  }

  private void show(String text) {
    if (hidePrompt) {
      return;
    }
    if (color) {
      console.printHighlighted(text);
    } else {
      console.print(text);
    }
    console.flush();
  }

  private GenerationOptions options(long seed) {
    List<String> stops = generation.stops().stream().map(prompt::unescape).toList();
    return new GenerationOptions(
        generation.predict(), sampling.options(), seed, stops, generation.ignoreEndOfText());
  }

  private void introduce(Model opened, Session session, int promptTokens, long seed) {
    console.say(
        "%s (%s), %s: %s"
            .formatted(
                opened.artifact().path().getFileName(),
                opened.artifact().format(),
                opened.backend(),
                opened.device()));
    console.say(
        "prompt: %s, context: %d, seed: %d"
            .formatted(Shown.count(promptTokens, "token"), session.contextLength(), seed));
    if (common.verbose()) {
      opened.declinedBackends().forEach(declined -> console.say("not " + declined));
      for (Binding binding : opened.executable().bindings()) {
        console.say(
            "%s: %s%s"
                .formatted(
                    binding.operator(),
                    binding.kernel(),
                    binding.declined().isEmpty()
                        ? ""
                        : "; not " + String.join("; not ", binding.declined())));
      }
    }
  }
}
