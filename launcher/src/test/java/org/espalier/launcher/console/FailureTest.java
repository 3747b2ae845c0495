package org.espalier.launcher.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.concurrent.CompletionException;
import org.espalier.api.EspalierException;
import org.junit.jupiter.api.Test;

class FailureTest {
  @Test
  void foreseenFailuresSpeakForThemselves() {
    assertFailure(
        "the file ends in the middle",
        ExitCode.FAILURE,
        new EspalierException.MalformedModel("the file ends in the middle"));
    assertFailure("too long", ExitCode.MISUSE, new EspalierException.InvalidRequest("too long"));
  }

  @Test
  void whatIsWrappedIsFound() {
    assertFailure(
        "no codec",
        ExitCode.FAILURE,
        new CompletionException(
            new IllegalStateException(new EspalierException.Unsupported("no codec"))));
  }

  @Test
  void filesAreNamed() {
    assertFailure("there is no file a.gguf", ExitCode.FAILURE, new NoSuchFileException("a.gguf"));
    assertFailure(
        "no permission for a.gguf",
        ExitCode.FAILURE,
        new UncheckedIOException(new AccessDeniedException("a.gguf")));
    assertFailure(
        "a.gguf: Is a directory",
        ExitCode.FAILURE,
        new FileSystemException("a.gguf", null, "Is a directory"));
  }

  @Test
  void whatSteersATerminalIsLeftOut() {
    assertEquals(
        "no model ' [31m name '",
        sentence(
            new EspalierException.MalformedModel("no model '\u001b[31m\u009b\u202ename\u0007'")));
  }

  @Test
  void errorsOfTheVirtualMachineSayWhatToDo() {
    String memory = sentence(new OutOfMemoryError("Java heap space"));
    assertTrue(memory.contains("-c") && memory.contains("-Xmx"), memory);
    String fault =
        sentence(
            new InternalError(
                "a fault occurred in a recent unsafe memory access operation in compiled Java"));
    assertTrue(fault.contains("truncated"), fault);
    assertTrue(sentence(new StackOverflowError()).contains("nested"));
  }

  @Test
  void anythingElseIsADefectInOneLine() {
    String sentence = sentence(new IndexOutOfBoundsException("Index 5\nout of bounds"));
    assertTrue(sentence.contains("IndexOutOfBounds"), sentence);
    assertTrue(sentence.contains("--verbose"), sentence);
    assertFalse(sentence.contains("\n"), sentence);
  }

  private static String sentence(Throwable thrown) {
    return Failure.of(thrown).sentence().orElseThrow();
  }

  private static void assertFailure(String sentence, int exitCode, Throwable thrown) {
    assertEquals(sentence, sentence(thrown));
    assertEquals(exitCode, Failure.of(thrown).exitCode());
  }
}
