package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.espalier.api.Offer;
import org.espalier.api.backend.BackendProvider;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.ExitCode;
import org.espalier.launcher.console.Shown;
import org.espalier.launcher.discovery.FoundProvider;
import org.espalier.launcher.discovery.ProviderDiscovery;
import org.espalier.launcher.option.CommonFlags;
import org.espalier.runtime.inspection.BackendTrial;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.jr.ob.JSON;

/** Lists everything that plugs in. */
@Command(
    name = "plugins",
    header = "Lists everything that plugs in, and why some of it cannot be used here.",
    description = {
      "",
      "Formats, codecs, architectures, backends and kernels, each with its module and its jar."
          + " Backends are started to see whether they work on this machine."
    },
    sortOptions = false,
    abbreviateSynopsis = true,
    optionListHeading = "%nFlags:%n",
    footerHeading = "%nExample:%n",
    footer = {"  espalier plugins --json"})
final class PluginsCommand implements Callable<Integer> {
  private final Console console;
  private final ProviderDiscovery discovery;

  @Option(names = "--json", description = "Prints one JSON array instead of text.")
  private boolean json;

  @Mixin private CommonFlags common = new CommonFlags();

  @Inject
  PluginsCommand(Console console, ProviderDiscovery discovery) {
    this.console = console;
    this.discovery = discovery;
  }

  /**
   * A provider and how it fares on this machine.
   *
   * @param device that a backend found
   * @param problem why it cannot be used
   */
  private record Status(
      FoundProvider provider, Optional<String> device, Optional<String> problem) {}

  @Override
  public Integer call() throws IOException {
    List<FoundProvider> found = discovery.survey();
    List<BackendProvider> backends =
        found.stream().flatMap(provider -> provider.backend().stream()).toList();
    BackendTrial trial = new BackendTrial(backends, 1);
    List<Status> all = found.stream().map(provider -> status(provider, trial)).toList();
    console.print(
        json
            ? JSON.std
                    .with(JSON.Feature.PRETTY_PRINT_OUTPUT)
                    .asString(all.stream().map(PluginsCommand::json).toList())
                + "\n"
            : text(all));
    console.flush();
    return ExitCode.OK;
  }

  private static Status status(FoundProvider provider, BackendTrial trial) {
    if (provider.problem().isPresent() || provider.backend().isEmpty()) {
      return new Status(provider, Optional.empty(), provider.problem());
    }
    return switch (trial.run(provider.backend().get())) {
      case Offer.Accepted<String>(String device) ->
          new Status(provider, Optional.of(device), Optional.empty());
      case Offer.Declined<String>(String reason) ->
          new Status(provider, Optional.empty(), Optional.of(reason));
    };
  }

  private static String text(List<Status> all) {
    StringBuilder text = new StringBuilder();
    for (Status status : all) {
      FoundProvider provider = status.provider();
      text.append(provider.kind()).append(' ').append(provider.name());
      if (!provider.description().isEmpty()) {
        text.append(": ").append(Shown.text(provider.description()));
      }
      text.append("\n  module ").append(provider.module()).append(" in ").append(provider.jar());
      status.device().ifPresent(device -> text.append("\n  works here: ").append(device));
      status
          .problem()
          .ifPresent(
              problem -> text.append("\n  cannot be used here: ").append(Shown.text(problem)));
      text.append('\n');
    }
    return text.toString();
  }

  private static Map<String, Object> json(Status status) {
    FoundProvider provider = status.provider();
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("kind", provider.kind());
    json.put("name", provider.name());
    json.put("description", provider.description());
    json.put("module", provider.module());
    json.put("jar", provider.jar());
    status.device().ifPresent(device -> json.put("device", device));
    json.put("usable", status.problem().isEmpty());
    status.problem().ifPresent(problem -> json.put("problem", problem));
    return json;
  }
}
