package org.espalier.launcher.option;

import picocli.CommandLine.Option;

/** What every command has. */
public final class CommonFlags {
  @Option(
      names = {"-v", "--verbose"},
      description = "Says more: kernels chosen, time by stage, and where a failure came from.")
  private boolean verbose;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Shows this and ends.")
  private boolean help;

  /** Whether to say more. */
  public boolean verbose() {
    return verbose;
  }
}
