package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.espalier.api.linear.Role;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.ExitCode;
import org.espalier.launcher.option.BackendFlags;
import org.espalier.launcher.option.CommonFlags;
import org.espalier.launcher.option.ModelFlags;
import org.espalier.runtime.Model;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.jr.ob.JSON;

/** Says who computes what, and why. */
@Command(
    name = "explain",
    header = "Says which backend and kernels run a model, and why no faster ones.",
    description = {
      "",
      "Opens the model as completion would, with the same flags, and runs nothing."
    },
    sortOptions = false,
    abbreviateSynopsis = true,
    optionListHeading = "\nOutput:\n",
    footerHeading = "\nExamples:\n",
    footer = {
      "  espalier explain -m model.gguf",
      "  espalier explain -m model.gguf --precision exact"
    })
final class ExplainCommand implements Callable<Integer> {
  private final Console console;
  private final ModelOpening opening;

  @ArgGroup(validate = false, order = 1, heading = "\nModel:\n")
  private ModelFlags model = new ModelFlags();

  @ArgGroup(validate = false, order = 2, heading = "\nComputation:\n")
  private BackendFlags backend = new BackendFlags();

  @Mixin private CommonFlags common = new CommonFlags();

  @Option(names = "--json", description = "Prints one JSON object instead of text.")
  private boolean json;

  @Inject
  ExplainCommand(Console console, ModelOpening opening) {
    this.console = console;
    this.opening = opening;
  }

  @Override
  public Integer call() throws IOException {
    try (Model opened = opening.model(model, backend)) {
      List<KernelChoice> choices =
          KernelChoice.grouped(opened.plan().linears(), opened.executable().bindings());
      console.print(
          json
              ? JSON.std.with(JSON.Feature.PRETTY_PRINT_OUTPUT).asString(json(opened, choices))
                  + "\n"
              : text(opened, choices));
      console.flush();
    }
    return ExitCode.OK;
  }

  private static String text(Model opened, List<KernelChoice> choices) {
    StringBuilder text = new StringBuilder();
    text.append("backend %s: %s\n".formatted(opened.backend(), opened.device()));
    opened.declinedBackends().forEach(reason -> text.append("  not ").append(reason).append('\n'));
    opened
        .executable()
        .traffic()
        .ifPresent(
            traffic -> ExpertLines.lines(traffic).forEach(line -> text.append(line).append('\n')));
    for (KernelChoice choice : choices) {
      text.append(
          "\n%s\n  weights %s, %s\n  kernel %s\n"
              .formatted(choice.operators(), choice.codec(), choice.shape(), choice.kernel()));
      if (!choice.reason().isEmpty()) {
        text.append("  self-test: ").append(choice.reason()).append('\n');
      }
      choice.declined().forEach(reason -> text.append("  not ").append(reason).append('\n'));
    }
    return text.toString();
  }

  private static Map<String, Object> json(Model opened, List<KernelChoice> choices) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("backend", opened.backend().value());
    json.put("device", opened.device());
    json.put("declined_backends", opened.declinedBackends());
    opened
        .executable()
        .traffic()
        .ifPresent(traffic -> json.put("experts", ExpertLines.homes(traffic)));
    json.put("operators", choices.stream().map(ExplainCommand::json).toList());
    return json;
  }

  private static Map<String, Object> json(KernelChoice choice) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("roles", choice.roles().stream().map(Role::name).toList());
    json.put("layers", choice.layers());
    json.put("codec", choice.codec());
    json.put("shape", choice.shape());
    json.put("kernel", choice.kernel());
    json.put("self_test", choice.reason());
    json.put("declined", choice.declined());
    return json;
  }
}
