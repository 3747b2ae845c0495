package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.util.concurrent.Callable;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.ExitCode;
import org.espalier.launcher.option.CommonFlags;
import org.espalier.launcher.option.LoadFlags;
import org.espalier.server.load.LoadTest;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Loads a running server with many clients. */
@Command(
    name = "serve-load",
    header = "Tries a running server with many clients, good and bad.",
    description = {
      "",
      "Streams texts from many clients at once, while others read too slowly, vanish, send too much"
          + " or send nonsense, and prints what was measured. Ends with code 1 if a text was"
          + " incomplete, if the server failed (a status from 500 on other than 503), or if"
          + " something still runs when all clients have left."
    },
    sortOptions = false,
    abbreviateSynopsis = true,
    optionListHeading = "%nGeneral:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  espalier serve-load --seconds 20",
      "  espalier serve-load --url http://127.0.0.1:9000 --streams 8 --random 0 --no-faults"
    })
final class ServeLoadCommand implements Callable<Integer> {
  private final Console console;

  @ArgGroup(validate = false, order = 1, heading = "%nLoad:%n")
  private LoadFlags flags = new LoadFlags();

  @Mixin private CommonFlags common = new CommonFlags();

  @Inject
  ServeLoadCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws InterruptedException {
    LoadTest.Report report = LoadTest.run(flags.options(), console::say);
    report.lines().forEach(line -> console.print(line + "\n"));
    console.flush();
    return report.failures() == 0 ? ExitCode.OK : ExitCode.FAILURE;
  }
}
