package org.espalier.launcher;

import org.espalier.launcher.console.CapturedConsole;
import org.espalier.launcher.console.Interruption;

/**
 * One run of the program in this process, for what needs no process of its own.
 *
 * @param out what it printed
 * @param err what it said about it
 */
public record InProcess(int exitCode, String out, String err) {
  /** Runs a command. */
  public static InProcess run(String... arguments) {
    System.setProperty("guice_bytecode_gen_option", "DISABLED");
    CapturedConsole captured = new CapturedConsole("");
    int exitCode = new Program(captured.console(), new Interruption()).run(arguments);
    return new InProcess(exitCode, captured.out(), captured.err());
  }
}
