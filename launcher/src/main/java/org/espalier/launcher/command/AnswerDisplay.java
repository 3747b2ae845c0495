package org.espalier.launcher.command;

import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.Interruption;
import org.espalier.runtime.generation.GenerationListener;

/** Prints answers as they come, one at a time, until they end or someone stops them. */
final class AnswerDisplay implements GenerationListener {
  private final Console console;
  private final Interruption interruption;
  private boolean answering;
  private boolean stopped;

  AnswerDisplay(Console console, Interruption interruption) {
    this.console = console;
    this.interruption = interruption;
  }

  synchronized void begin() {
    answering = true;
    stopped = false;
  }

  void end() {
    synchronized (this) {
      answering = false;
    }
    console.progress("");
    console.print("\n");
    console.flush();
  }

  /** Stops the answer; false if there is none, or if it was to be stopped already. */
  synchronized boolean stop() {
    boolean first = answering && !stopped;
    stopped = true;
    return first;
  }

  @Override
  public void prompt(int done, int total) {
    console.progress(done < total ? "reading: %d of %d tokens ".formatted(done, total) : "");
  }

  @Override
  public void token(int token, String text) {
    flush(text);
  }

  @Override
  public void flush(String text) {
    console.print(text);
    console.flush();
  }

  @Override
  public synchronized boolean cancelled() {
    return stopped || interruption.requested();
  }
}
