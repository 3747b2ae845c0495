package org.espalier.launcher;

/** The entry point of the command line. */
public final class Main {
  private Main() {}

  /** Runs one command. */
  public static void main(String[] arguments) {
    System.err.println("not yet written");
    System.exit(2);
  }
}
