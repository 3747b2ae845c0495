package org.espalier.format.safetensors;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import org.espalier.api.EspalierException.DeviceFailure;

/** Input that failed, in words. */
final class IoFailure {
  private IoFailure() {}

  static DeviceFailure unreadable(Path path, IOException e) {
    return new DeviceFailure("'%s' cannot be read: %s".formatted(path, reason(e)), e);
  }

  private static String reason(IOException e) {
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
