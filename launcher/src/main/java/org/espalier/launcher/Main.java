package org.espalier.launcher;

import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.Interruption;

/** The entry point of the command line. */
public final class Main {
  private Main() {}

  /** Runs one command and ends the process with its exit code. */
  public static void main(String[] arguments) {
    // Guice would generate classes for what reflection does as well; it reads this once, early.
    System.setProperty("guice_bytecode_gen_option", "DISABLED");
    Console console = Console.ofProcess();
    System.exit(new Program(console, Interruption.ofProcess()).run(arguments));
  }
}
