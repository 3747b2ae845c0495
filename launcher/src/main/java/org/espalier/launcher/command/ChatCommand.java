package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.ExitCode;
import org.espalier.launcher.console.Interruption;
import org.espalier.launcher.console.Shown;
import org.espalier.launcher.option.BackendFlags;
import org.espalier.launcher.option.CommonFlags;
import org.espalier.launcher.option.GenerationFlags;
import org.espalier.launcher.option.ModelFlags;
import org.espalier.launcher.option.SamplingFlags;
import org.espalier.runtime.Model;
import org.espalier.runtime.chat.ChatForm;
import org.espalier.runtime.chat.Conversation;
import org.espalier.runtime.generation.FinishReason;
import org.espalier.runtime.generation.GenerationOptions;
import org.espalier.runtime.generation.GenerationResult;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Converses with a model that was trained for it. */
@Command(
    name = "chat",
    header = "Converses with a model that was trained for it.",
    description = {
      "",
      "Reads one message per line and answers each; a line that ends in \\ goes on in the next."
          + " /reset begins a new conversation, /exit or the end of the input ends. Ctrl-C stops an"
          + " answer; where there is none to stop, it ends the program."
    },
    sortOptions = false,
    abbreviateSynopsis = true,
    optionListHeading = "%nConversation:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  espalier chat -m olmoe-instruct.gguf",
      "  espalier chat -m olmoe-instruct.gguf --system \"You answer in one sentence.\"",
      "  espalier chat -m olmoe-instruct.gguf --temp 0 < questions.txt"
    })
final class ChatCommand implements Callable<Integer> {
  private final Console console;
  private final Interruption interruption;
  private final ModelOpening opening;

  @ArgGroup(validate = false, order = 1, heading = "%nLength of an answer:%n")
  private GenerationFlags generation = new GenerationFlags();

  @ArgGroup(validate = false, order = 2, heading = "%nSampling:%n")
  private SamplingFlags sampling = new SamplingFlags();

  @ArgGroup(validate = false, order = 3, heading = "%nModel:%n")
  private ModelFlags model = new ModelFlags();

  @ArgGroup(validate = false, order = 4, heading = "%nComputation:%n")
  private BackendFlags backend = new BackendFlags();

  @Mixin private CommonFlags common = new CommonFlags();

  @Option(
      names = {"-sys", "--system", "--system-prompt"},
      paramLabel = "TEXT",
      description = "Sets the scene; stays when anything else is forgotten.")
  private Optional<String> system = Optional.empty();

  @Option(
      names = "--chat-template",
      paramLabel = "NAME",
      description = {
        "The form of conversations, whatever the file says: tulu. Default: that of the file's"
            + " template."
      })
  private Optional<String> template = Optional.empty();

  @Inject
  ChatCommand(Console console, Interruption interruption, ModelOpening opening) {
    this.console = console;
    this.interruption = interruption;
    this.opening = opening;
  }

  @Override
  public Integer call() throws IOException {
    if (generation.context() < 0) {
      throw new InvalidRequest(
          "-c %d is negative: 0 means the model's own".formatted(generation.context()));
    }
    Optional<ChatForm> named = template.map(ChatForm::named);
    try (Model opened = opening.modelForContext(model, backend, generation.context())) {
      ChatForm form = named.orElseGet(() -> ChatForm.of(opened.metadata()));
      try (Conversation conversation =
          new Conversation(opened, form, system, generation.context(), console::note)) {
        console.say(
            "%s, %s: %s"
                .formatted(
                    opened.artifact().path().getFileName(), opened.backend(), opened.device()));
        console.say("/reset begins anew, /exit ends, Ctrl-C stops an answer");
        converse(conversation);
      }
    }
    return ExitCode.OK;
  }

  private void converse(Conversation conversation) throws IOException {
    long seed = generation.seed();
    AnswerDisplay display = new AnswerDisplay(console, interruption);
    interruption.offer(() -> display.stop() || endPrompt());
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(console.in(), StandardCharsets.UTF_8));
    Optional<String> line = read(lines);
    while (line.isPresent()) {
      String message = line.get().strip();
      switch (message) {
        case "" -> {
          // nothing was said
        }
        case "/exit", "/quit" -> {
          return;
        }
        case "/reset" -> {
          conversation.reset();
          console.note("a new conversation");
        }
        case String typo when typo.matches("/[a-z]+") ->
            console.note(typo + " is no command: there are /reset and /exit");
        default -> answer(conversation, message, seed++, display);
      }
      line = read(lines);
    }
  }

  /**
   * The shell's prompt goes on a line of its own.
   *
   * @return false: nothing was stopped
   */
  private boolean endPrompt() {
    if (console.inIsTerminal()) {
      console.invite("\n");
    }
    return false;
  }

  /** A message: a line, and those after it as long as they end in a backslash. */
  private Optional<String> read(BufferedReader lines) throws IOException {
    if (console.inIsTerminal()) {
      console.invite("> ");
    }
    StringBuilder message = new StringBuilder();
    String line = lines.readLine();
    if (line == null) {
      return Optional.empty();
    }
    while (line != null && line.endsWith("\\")) {
      message.append(line, 0, line.length() - 1).append('\n');
      line = lines.readLine();
    }
    return Optional.of(message.append(line == null ? "" : line).toString());
  }

  private void answer(Conversation conversation, String message, long seed, AnswerDisplay display) {
    GenerationOptions options =
        new GenerationOptions(
            generation.predict(),
            sampling.options(),
            seed,
            generation.stops(),
            generation.ignoreEndOfText());
    try (Interruption.Work _ = interruption.begin(() -> {})) {
      display.begin();
      GenerationResult result = conversation.say(message, options, display);
      display.end();
      if (result.reason() == FinishReason.CONTEXT_FULL) {
        console.note("the context is full; /reset begins anew, and -c sets its size");
      }
      if (common.verbose()) {
        console.say(
            "%s read, %d written, %.1f per second"
                .formatted(
                    Shown.count(result.promptTokens(), "token"),
                    result.tokens().size(),
                    result.evaluations() * 1e9 / Math.max(result.evaluationNanos(), 1)));
      }
    } catch (InvalidRequest e) {
      display.end();
      console.error(String.valueOf(e.getMessage())); // the next message may do better
    }
  }
}
