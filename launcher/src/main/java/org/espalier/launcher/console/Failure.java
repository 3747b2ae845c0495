package org.espalier.launcher.console;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Optional;
import org.espalier.api.EspalierException;
import org.jspecify.annotations.Nullable;

/**
 * How a command failed.
 *
 * @param sentence for the user; empty where there is nothing to say
 * @param exitCode of the process
 */
public record Failure(Optional<String> sentence, int exitCode) {

  /** Puts anything that was thrown into one sentence. */
  public static Failure of(Throwable thrown) {
    for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
      Failure known = known(cause);
      if (known != null) {
        return known;
      }
    }
    return failure(
        "a defect of Espalier: "
            + thrown.getClass().getSimpleName()
            + (thrown.getMessage() == null ? "" : ": " + thrown.getMessage())
            + " (--verbose shows where)",
        ExitCode.FAILURE);
  }

  private static @Nullable Failure known(Throwable cause) {
    return switch (cause) {
      case EspalierException.InvalidRequest e -> failure(e.getMessage(), ExitCode.MISUSE);
      case EspalierException e -> failure(e.getMessage(), ExitCode.FAILURE);
      case Console.BrokenPipe _ -> new Failure(Optional.empty(), ExitCode.BROKEN_PIPE);
      case Interruption.Interrupted _ -> new Failure(Optional.empty(), ExitCode.INTERRUPTED);
      case OutOfMemoryError e -> failure(outOfMemory(e), ExitCode.FAILURE);
      case StackOverflowError _ ->
          failure("the thread stack is full: the input is nested too deeply", ExitCode.FAILURE);
      case InternalError e when String.valueOf(e.getMessage()).contains("unsafe memory access") ->
          failure(
              "a mapped file could not be read any more: it was truncated or replaced while in use,"
                  + " or its disk failed",
              ExitCode.FAILURE);
      case UncheckedIOException e -> failure(inputOutput(e.getCause()), ExitCode.FAILURE);
      case IOException e -> failure(inputOutput(e), ExitCode.FAILURE);
      default -> null;
    };
  }

  private static Failure failure(@Nullable String message, int exitCode) {
    return new Failure(Optional.of(oneSentence(String.valueOf(message))), exitCode);
  }

  private static String outOfMemory(OutOfMemoryError error) {
    long limit = Runtime.getRuntime().maxMemory() >> 20;
    return "not enough memory (%s; the Java heap may take %d MiB): try a smaller context (-c), or raise the limit with ESPALIER_JAVA_OPTS=-Xmx…"
        .formatted(error.getMessage(), limit);
  }

  private static String inputOutput(IOException failure) {
    return switch (failure) {
      case java.nio.file.NoSuchFileException e -> "there is no file " + e.getFile();
      case java.nio.file.AccessDeniedException e -> "no permission for " + e.getFile();
      case java.nio.file.FileSystemException e ->
          e.getFile()
              + ": "
              + (e.getReason() == null ? e.getClass().getSimpleName() : e.getReason());
      default -> String.valueOf(failure.getMessage());
    };
  }

  /** The text on one line, control characters shown as spaces. */
  public static String oneSentence(@Nullable String text) {
    return String.valueOf(text).strip().replaceAll("[\\p{Cc}\\p{Cf}]+", " ");
  }
}
