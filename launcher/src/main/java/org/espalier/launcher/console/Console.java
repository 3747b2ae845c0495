package org.espalier.launcher.console;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.lang.reflect.Constructor;
import java.lang.reflect.InaccessibleObjectException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.espalier.api.EspalierException.DeviceFailure;

/**
 * The standard streams, always UTF-8. Standard output carries what was asked for and nothing else;
 * whatever is said about it goes to standard error.
 */
public final class Console {
  private static final String YELLOW = "\033[33m";
  private static final String PLAIN = "\033[0m";

  private final InputStream in;
  private final OutputStream out;
  private final PrintStream err;
  private final Set<String> terminals;

  /**
   * Over any streams.
   *
   * @param terminals at which of {@code "in"}, {@code "out"} and {@code "err"} a person sits
   */
  public Console(InputStream in, OutputStream out, OutputStream err, Set<String> terminals) {
    this.in = in;
    this.out = new BufferedOutputStream(out);
    this.err = new PrintStream(err, true, StandardCharsets.UTF_8);
    this.terminals = Set.copyOf(terminals);
  }

  /**
   * The streams of this process. The espalier script lets the JVM's own messages take another way
   * and names the descriptor of the real standard error in {@code espalier.stderr}; it also says in
   * {@code espalier.terminal} which streams are terminals, as Java tells that of both together
   * only.
   */
  public static Console ofProcess() {
    Console console =
        new Console(
            System.in,
            new FileOutputStream(FileDescriptor.out),
            standardError(),
            Set.of(System.getProperty("espalier.terminal", "").split(",")));
    System.setErr(console.err);
    return console;
  }

  private static OutputStream standardError() {
    return new FileOutputStream(
        Optional.ofNullable(System.getProperty("espalier.stderr"))
            .flatMap(Console::descriptor)
            .orElse(FileDescriptor.err));
  }

  /**
   * An open descriptor by its number. Opening {@code /dev/fd/3} instead would fail for sockets and
   * lose the position that a file shares with whoever opened it.
   */
  private static Optional<FileDescriptor> descriptor(String number) {
    try {
      Constructor<FileDescriptor> byNumber = FileDescriptor.class.getDeclaredConstructor(int.class);
      byNumber.setAccessible(true); // the script opens java.io to this module
      return Optional.of(byNumber.newInstance(Integer.parseInt(number)));
    } catch (ReflectiveOperationException | InaccessibleObjectException _) {
      return Optional.empty();
    }
  }

  /** Standard input. */
  public InputStream in() {
    return in;
  }

  /** Whether a person types at standard input. */
  public boolean inIsTerminal() {
    return terminals.contains("in");
  }

  /** Whether standard output is a terminal. */
  public boolean outIsTerminal() {
    return terminals.contains("out");
  }

  /** Whether standard error is a terminal. */
  public boolean errIsTerminal() {
    return terminals.contains("err");
  }

  /** Writes to standard output; {@link #flush} shows it. */
  public void print(String text) {
    try {
      out.write(text.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw stopped(e);
    }
  }

  /** Writes to standard output in yellow where that is a terminal. */
  public void printHighlighted(String text) {
    print(outIsTerminal() ? YELLOW + text + PLAIN : text);
  }

  /** Shows what was printed. */
  public void flush() {
    try {
      out.flush();
    } catch (IOException e) {
      throw stopped(e);
    }
  }

  private static RuntimeException stopped(IOException cause) {
    String reason = String.valueOf(cause.getMessage());
    return reason.toLowerCase(Locale.ROOT).contains("broken pipe")
        ? new BrokenPipe()
        : new DeviceFailure("standard output cannot be written: " + reason, cause);
  }

  /** Writes a line to standard error. */
  public void say(String line) {
    err.print(line + "\n");
  }

  /** Writes a sentence that a user should read once to standard error. */
  public void note(String sentence) {
    say("note: " + sentence);
  }

  /** Writes the sentence that ends a failed command to standard error. */
  public void error(String sentence) {
    say("espalier: " + sentence);
  }

  /** Writes to standard error what invites the user to type behind it. */
  public void invite(String text) {
    err.print(text);
    err.flush();
  }

  /** Shows a line on standard error that the next one replaces; nothing where no one looks. */
  public void progress(String line) {
    if (errIsTerminal()) {
      err.print("\r\033[K" + line);
    }
  }

  /** Standard output for those who want a writer. */
  public PrintWriter outWriter() {
    return new PrintWriter(new OutputStreamWriter(out, StandardCharsets.UTF_8), true);
  }

  /** Standard error for those who want a writer. */
  public PrintWriter errWriter() {
    return new PrintWriter(err, true, StandardCharsets.UTF_8);
  }

  /** Whoever read standard output has stopped; there is no one left to tell. */
  static final class BrokenPipe extends RuntimeException {
    private static final long serialVersionUID = 1L;

    BrokenPipe() {
      super("standard output is closed");
    }
  }
}
