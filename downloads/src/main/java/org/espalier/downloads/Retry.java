package org.espalier.downloads;

import java.io.IOException;
import java.time.Duration;
import org.espalier.api.EspalierException.DeviceFailure;

/** Counts failures in a row, and pauses after each. */
final class Retry {
  private final Patience patience;
  private int failures;

  Retry(Patience patience) {
    this.patience = patience;
  }

  /** Something came: the next failure is the first again. */
  void succeeded() {
    failures = 0;
  }

  /**
   * Pauses before the next attempt.
   *
   * @throws IOException the failure itself, when there were enough of them
   */
  void after(IOException failure) throws IOException {
    failures++;
    if (failures >= patience.attempts()) {
      throw failure;
    }
    Duration pause = patience.pause(failures);
    if (failure instanceof Busy busy && busy.seconds() > 0) {
      pause = Duration.ofSeconds(busy.seconds());
      if (pause.compareTo(patience.longestPause()) > 0) {
        throw new IOException(
            "%s and asks to wait %d s".formatted(failure.getMessage(), busy.seconds()), failure);
      }
    }
    try {
      Thread.sleep(pause);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DeviceFailure("the download was interrupted", e);
    }
  }
}
