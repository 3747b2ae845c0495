package org.espalier.launcher;

import com.google.inject.AbstractModule;
import com.google.inject.Guice;
import com.google.inject.Injector;
import java.util.Optional;
import org.espalier.launcher.command.EspalierCommand;
import org.espalier.launcher.command.LaterWork;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.ExitCode;
import org.espalier.launcher.console.Failure;
import org.espalier.launcher.console.Interruption;
import org.espalier.launcher.console.Misuse;
import org.espalier.launcher.discovery.ProviderDiscovery;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** The composed program: commands made by Guice, run by picocli, failures told in one sentence. */
final class Program {
  private final Console console;
  private final CommandLine commands;

  /** With the providers of a layer. */
  Program(Console console, Interruption interruption, ModuleLayer layer) {
    this.console = console;
    Injector injector =
        Guice.createInjector(
            new AbstractModule() {
              @Override
              protected void configure() {
                bind(Console.class).toInstance(console);
                bind(Interruption.class).toInstance(interruption);
                bind(ProviderDiscovery.class).toInstance(new ProviderDiscovery(layer));
              }
            });
    commands =
        new CommandLine(EspalierCommand.class, new CommandFactory(injector))
            .setCaseInsensitiveEnumValuesAllowed(true)
            .setExpandAtFiles(false) // a prompt may begin with @
            .setPosixClusteredShortOptionsAllowed(false) // -ngl is one flag, not three
            .setAllowOptionsAsOptionParameters(true) // so may a prompt with -
            .setUsageHelpAutoWidth(true)
            .setOut(console.outWriter())
            .setErr(console.errWriter())
            .setColorScheme(
                CommandLine.Help.defaultColorScheme(
                    console.outIsTerminal() ? CommandLine.Help.Ansi.ON : CommandLine.Help.Ansi.OFF))
            .setParameterExceptionHandler((failure, arguments) -> misuse(failure))
            .setExecutionExceptionHandler((failure, _, _) -> failed(failure));
  }

  /** Runs one command. Gives the exit code of the process. */
  int run(String... arguments) {
    try {
      int exitCode = commands.execute(arguments);
      return exitCode == ExitCode.OK ? flushed() : exitCode;
    } catch (Throwable failure) { // errors of the VM do not reach picocli's handlers
      return failed(failure);
    } finally {
      flushWhatIsLeft();
    }
  }

  private int flushed() {
    console.flush();
    return ExitCode.OK;
  }

  /** Of a command that failed, which has said why already. */
  private void flushWhatIsLeft() {
    try {
      console.flush();
    } catch (RuntimeException _) {
      // One sentence is enough.
    }
  }

  private int misuse(ParameterException failure) {
    Optional<String> later =
        failure instanceof UnmatchedArgumentException unmatched
            ? LaterWork.sentence(unmatched.getUnmatched())
            : Optional.empty();
    console.error(later.orElseGet(() -> Misuse.sentence(failure)));
    return ExitCode.MISUSE;
  }

  private int failed(Throwable thrown) {
    Failure failure = Failure.of(thrown);
    failure.sentence().ifPresent(console::error);
    if (verbose()) {
      thrown.printStackTrace(console.errWriter());
    }
    return failure.exitCode();
  }

  private boolean verbose() {
    ParseResult parsed = commands.getParseResult();
    while (parsed != null && parsed.hasSubcommand()) {
      parsed = parsed.subcommand();
    }
    return parsed != null && parsed.hasMatchedOption("--verbose");
  }
}
