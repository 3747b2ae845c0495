package org.espalier.launcher.option;

import java.util.OptionalInt;
import picocli.CommandLine.Option;

/** How a text is cut into windows. */
public final class WindowFlags {
  @Option(
      names = {"-c", "--ctx-size"},
      paramLabel = "N",
      converter = PositiveConverter.class,
      description =
          "Tokens per window; windows do not overlap and the rest is dropped. Default: 512;"
              + " 2048 for protocol hf.")
  private int window;

  @Option(
      names = "--chunks",
      paramLabel = "N",
      description = "Stops after N windows; 0 or less: all. Default: ${DEFAULT-VALUE}.")
  private int chunks = -1;

  /** Tokens per window, where the user says. */
  public OptionalInt window() {
    return window == 0 ? OptionalInt.empty() : OptionalInt.of(window);
  }

  /** Where to stop; 0: at the end. */
  public int mostWindows() {
    return Math.max(chunks, 0);
  }
}
