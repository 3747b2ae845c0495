package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.espalier.api.format.MetadataValue;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.ExitCode;
import org.espalier.launcher.console.Interruption;
import org.espalier.launcher.discovery.ProviderDiscovery;
import org.espalier.launcher.option.CommonFlags;
import org.espalier.runtime.repair.MetadataRepair;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Writes a copy of a model file with the tokenizer metadata that it lacks. */
@Command(
    name = "repair",
    header = "Writes a copy of a model file with the tokenizer metadata that it lacks.",
    description = {
      "",
      "Other programs then read its texts as Espalier does. The tensors keep their bytes; the copy"
          + " is read back and compared before it gets its name."
    },
    sortOptions = false,
    abbreviateSynopsis = true,
    optionListHeading = "%nFlags:%n",
    footerHeading = "%nExample:%n",
    footer = {"  espalier repair published.gguf repaired.gguf"})
final class RepairCommand implements Callable<Integer> {
  private final Console console;
  private final Interruption interruption;
  private final ProviderDiscovery discovery;

  @Parameters(index = "0", paramLabel = "IN", description = "The file; it is only read.")
  private Path in = Path.of("");

  @Parameters(index = "1", paramLabel = "OUT", description = "Where the copy goes.")
  private Path out = Path.of("");

  @Option(names = "--force", description = "Replaces a file that is there.")
  private boolean force;

  @Mixin private CommonFlags common = new CommonFlags();

  @Inject
  RepairCommand(Console console, Interruption interruption, ProviderDiscovery discovery) {
    this.console = console;
    this.interruption = interruption;
    this.discovery = discovery;
  }

  @Override
  public Integer call() throws IOException {
    long size = Files.exists(in) ? Files.size(in) : 0;
    Target.check(out, force, size);
    WriteProgress progress = new WriteProgress(console);
    Map<String, MetadataValue> added;
    try (Interruption.Work _ = interruption.begin(() -> {})) {
      added =
          new MetadataRepair(
                  discovery.find(List.of()).formats(),
                  console::note,
                  written -> {
                    interruption.check();
                    progress.written(written, size);
                  })
              .write(in, out);
    } finally {
      progress.end();
    }
    console.note(
        added.isEmpty()
            ? "nothing was missing: %s is a plain copy".formatted(out)
            : "%s has in addition %s".formatted(out, String.join(", ", added.keySet())));
    return ExitCode.OK;
  }
}
