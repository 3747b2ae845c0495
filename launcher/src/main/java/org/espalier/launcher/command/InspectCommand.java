package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.downloads.Wanted;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.ExitCode;
import org.espalier.launcher.discovery.ProviderDiscovery;
import org.espalier.launcher.option.CommonFlags;
import org.espalier.launcher.option.HubFlags;
import org.espalier.runtime.inspection.Inspection;
import org.espalier.runtime.inspection.Inspector;
import org.espalier.runtime.inspection.TensorCheck;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.jr.ob.JSON;

/** Shows what is in a model file. */
@Command(
    name = "inspect",
    header = "Shows what is in a model file and how it would be read.",
    description = {
      "",
      "Lists metadata, tensors, sizes by type, and what the file leaves open. A file that cannot be"
          + " run is shown all the same, with the reason."
    },
    sortOptions = false,
    abbreviateSynopsis = true,
    optionListHeading = "%nFlags:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  espalier inspect model.gguf",
      "  espalier inspect model.gguf --check",
      "  espalier inspect model.gguf --json"
    })
final class InspectCommand implements Callable<Integer> {
  private final Console console;
  private final ProviderDiscovery discovery;
  private final ModelDownload download;

  @Parameters(arity = "0..1", paramLabel = "FILE", description = "The model file.")
  private Optional<Path> file = Optional.empty();

  @Option(
      names = {"-m", "--model"},
      paramLabel = "FILE",
      description = "The same, as other commands take it.")
  private Optional<Path> model = Optional.empty();

  @ArgGroup(validate = false, order = 1, heading = "%nDownload:%n")
  private HubFlags hub = new HubFlags();

  @Option(names = "--json", description = "Prints one JSON object instead of text.")
  private boolean json;

  @Option(
      names = "--check",
      description = {
        "Reads every number: fails where one is infinite or none at all, where a tensor holds"
            + " nothing but zeros, or where the file could not be run."
      })
  private boolean check;

  @Option(
      names = "--exclude-provider",
      paramLabel = "NAME",
      description = "Leaves out a provider, by its name or by its module's.")
  private List<String> excluded = List.of();

  @Mixin private CommonFlags common = new CommonFlags();

  @Inject
  InspectCommand(Console console, ProviderDiscovery discovery, ModelDownload download) {
    this.console = console;
    this.discovery = discovery;
    this.download = download;
  }

  @Override
  public Integer call() throws IOException {
    if (file.isPresent() && model.isPresent()) {
      throw new InvalidRequest("both a file and -m were given: give one of them");
    }
    Optional<Path> named = file.or(() -> model);
    Path path =
        hub.nameInsteadOf(named)
            .map(name -> download.fetch(name, hub, Wanted.MODEL_FILE))
            .or(() -> named)
            .orElseThrow(() -> new InvalidRequest("no model was named: give a file, or -hf NAME"));
    Inspector inspector = new Inspector(discovery.find(excluded));
    Inspection inspection = inspector.inspect(path);
    Optional<List<TensorCheck>> checks = Optional.empty();
    if (check) {
      checks =
          Optional.of(inspector.check(path, name -> console.progress("checking " + name + " ")));
      console.progress("");
    }
    if (json) {
      console.print(
          JSON.std
                  .with(JSON.Feature.PRETTY_PRINT_OUTPUT)
                  .asString(InspectionJson.of(inspection, checks))
              + "\n");
    } else {
      console.print(new InspectionText(inspection, checks).text());
    }
    console.flush();
    boolean sound =
        checks.isEmpty()
            || inspection.reading().obstacles().isEmpty()
                && checks.get().stream().allMatch(one -> one.problems().isEmpty());
    return sound ? ExitCode.OK : ExitCode.FAILURE;
  }
}
