package org.espalier.launcher.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Set;
import org.espalier.api.EspalierException.DeviceFailure;
import org.junit.jupiter.api.Test;

class ConsoleTest {
  @Test
  void coloursAndProgressAppearOnTerminalsOnly() {
    CapturedConsole file = new CapturedConsole("");
    file.console().printHighlighted("é");
    file.console().progress("half");
    assertEquals("é", file.out());
    assertEquals("", file.err());

    CapturedConsole terminal = new CapturedConsole("", "out", "err");
    terminal.console().printHighlighted("é");
    terminal.console().progress("half");
    assertEquals("\033[33mé\033[0m", terminal.out());
    assertEquals("\r\033[Khalf", terminal.err());
  }

  @Test
  void aReaderThatWentAwayIsNoErrorToSpeakOf() {
    Console console = failing("Broken pipe");
    console.print("x");
    Failure failure = Failure.of(assertThrows(Console.BrokenPipe.class, console::flush));
    assertTrue(failure.sentence().isEmpty());
    assertEquals(ExitCode.BROKEN_PIPE, failure.exitCode());
  }

  @Test
  void aFullDiskIs() {
    Console console = failing("No space left on device");
    console.print("x");
    DeviceFailure failure = assertThrows(DeviceFailure.class, console::flush);
    assertEquals(
        "standard output cannot be written: No space left on device", failure.getMessage());
  }

  private static Console failing(String message) {
    OutputStream out =
        new OutputStream() {
          @Override
          public void write(int value) throws IOException {
            throw new IOException(message);
          }
        };
    return new Console(
        InputStream.nullInputStream(), out, OutputStream.nullOutputStream(), Set.of());
  }
}
