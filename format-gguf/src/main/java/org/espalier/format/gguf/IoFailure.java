package org.espalier.format.gguf;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;

/** Input and output that failed, in words. */
final class IoFailure {
  private IoFailure() {}

  /** Why, without the path, which the sentence around it names. */
  static String reason(IOException e) {
    String message =
        switch (e) {
          case AccessDeniedException _ -> "permission denied";
          case ClosedByInterruptException _ -> "interrupted";
          case FileSystemException file when file.getReason() != null -> file.getReason();
          default -> e.getMessage();
        };
    return message == null ? e.getClass().getSimpleName() : message;
  }
}
