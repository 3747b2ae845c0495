package org.espalier.launcher.console;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;

/** A console whose streams a test reads and writes. */
public final class CapturedConsole {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private final Console console;

  /** With the given standard input and terminals. */
  public CapturedConsole(String in, String... terminals) {
    console =
        new Console(
            new ByteArrayInputStream(in.getBytes(StandardCharsets.UTF_8)),
            out,
            err,
            Set.of(terminals));
  }

  /** To be used in the place of the real one. */
  public Console console() {
    return console;
  }

  /** What was printed. */
  public String out() {
    console.flush();
    return out.toString(StandardCharsets.UTF_8);
  }

  /** What was said about it. */
  public String err() {
    return err.toString(StandardCharsets.UTF_8);
  }

  /** The same, line by line. */
  public List<String> errLines() {
    return err().lines().toList();
  }
}
