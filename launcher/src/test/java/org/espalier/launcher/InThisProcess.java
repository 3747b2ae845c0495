package org.espalier.launcher;

import org.espalier.launcher.console.CapturedConsole;
import org.espalier.launcher.console.Interruption;

/** Runs commands without a process for each, so that the JVM warms up once. */
public final class InThisProcess {
  private InThisProcess() {}

  /**
   * Runs one command.
   *
   * @param layer with the providers
   * @return its exit code
   */
  public static int run(CapturedConsole captured, ModuleLayer layer, String... arguments) {
    System.setProperty("guice_bytecode_gen_option", "DISABLED"); // as Main does
    return new Program(captured.console(), new Interruption(), layer).run(arguments);
  }
}
