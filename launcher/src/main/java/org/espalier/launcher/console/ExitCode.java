package org.espalier.launcher.console;

/** What the process ends with. */
public final class ExitCode {
  private ExitCode() {}

  /** All went well. */
  public static final int OK = 0;

  /** Something failed: the file, the machine. */
  public static final int FAILURE = 1;

  /** What was asked for cannot be: an unknown flag, a wrong value, a prompt too long. */
  public static final int MISUSE = 2;

  /** The user pressed Ctrl-C. */
  public static final int INTERRUPTED = 130;

  /** Whoever read standard output has stopped reading: what a shell reports of SIGPIPE. */
  public static final int BROKEN_PIPE = 141;
}
