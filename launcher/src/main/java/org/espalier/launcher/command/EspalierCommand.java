package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.util.concurrent.Callable;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.ExitCode;
import org.espalier.launcher.option.CommonFlags;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The program without a command: shows what there is. */
@Command(
    name = "espalier",
    versionProvider = EspalierCommand.Version.class,
    subcommands = {
      CompletionCommand.class,
      ServeCommand.class,
      ServeLoadCommand.class,
      ChatCommand.class,
      TokenizeCommand.class,
      LogitsCommand.class,
      PerplexityCommand.class,
      EvaluateCommand.class,
      CompareCommand.class,
      RoutingCommand.class,
      InspectCommand.class,
      ExplainCommand.class,
      PluginsCommand.class,
      ModelsCommand.class,
      RepairCommand.class,
      ConvertCommand.class,
      QuantizeCommand.class,
      MergeCommand.class,
      SynthesizeCommand.class,
      BenchCommand.class,
    },
    sortOptions = false,
    synopsisSubcommandLabel = "COMMAND",
    header = "Runs 2-bit Mixture-of-Experts language models on the JVM.",
    commandListHeading = "%nCommands:%n",
    optionListHeading = "%nFlags:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  espalier completion -p \"Once upon a time\" -n 100",
      "  espalier completion -m olmoe-qtip-2b-v2.gguf -p \"Experts are\" --temp 0.7",
      "  espalier completion --help",
      "",
      "The script also knows 'verify' (builds and runs all tests), 'build', 'format' and 'package'."
    },
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:success",
      "1:the file or the machine failed",
      "2:what was asked for cannot be: an unknown or later flag, a wrong value",
      "130:interrupted by Ctrl-C",
      "141:whoever read standard output stopped reading"
    })
public final class EspalierCommand implements Callable<Integer> {
  private final Console console;
  @Spec private CommandSpec spec;
  @Mixin private CommonFlags common = new CommonFlags();

  @Option(
      names = {"-V", "--version"},
      versionHelp = true,
      description = "Shows the version and ends.")
  private boolean version;

  @Inject
  EspalierCommand(Console console) {
    this.console = console;
    this.spec = CommandSpec.create(); // replaced by picocli
  }

  @Override
  public Integer call() {
    console.say(spec.commandLine().getUsageMessage());
    return ExitCode.MISUSE;
  }

  /** Reads the version from the module's descriptor, where the build puts it. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      String version =
          EspalierCommand.class
              .getModule()
              .getDescriptor()
              .rawVersion()
              .orElse("of unknown version");
      return new String[] {"Espalier " + version + ", Java " + Runtime.version()};
    }
  }
}
