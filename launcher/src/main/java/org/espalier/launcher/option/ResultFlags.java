package org.espalier.launcher.option;

import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Where a result goes. */
public final class ResultFlags {
  @Option(
      names = "--json",
      description = "Prints the result as one JSON object, and nothing else, on standard output.")
  private boolean json;

  @Option(
      names = {"-o", "--out"},
      paramLabel = "FILE",
      description =
          "Also writes that JSON object to a file. A file of this name is replaced when all is"
              + " there.")
  private Optional<Path> out = Optional.empty();

  /** Whether standard output carries JSON. */
  public boolean json() {
    return json;
  }

  /** A file for it. */
  public Optional<Path> out() {
    return out;
  }
}
