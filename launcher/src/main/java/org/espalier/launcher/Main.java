package org.espalier.launcher;

import java.util.logging.Level;
import java.util.logging.Logger;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.Interruption;

/** The entry point of the command line. */
public final class Main {
  /** The Parquet reader, which would say at every start how it decompresses. */
  private static final Logger PARQUET = Logger.getLogger("dev.hardwood");

  private Main() {}

  /** Runs one command and ends the process with its exit code. */
  public static void main(String[] arguments) {
    if (Preparation.isWorthwhile(arguments)) {
      Preparation.begin();
    }
    // Guice would generate classes for what reflection does as well; it reads this once, early.
    System.setProperty("guice_bytecode_gen_option", "DISABLED");
    PARQUET.setLevel(Level.WARNING);
    Console console = Console.ofProcess();
    Program program = new Program(console, Interruption.ofProcess(), ModuleLayer.boot());
    System.exit(program.run(arguments));
  }
}
