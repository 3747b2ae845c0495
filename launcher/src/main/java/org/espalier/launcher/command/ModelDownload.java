package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.nio.file.Path;
import java.util.Optional;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.downloads.Hub;
import org.espalier.downloads.ModelName;
import org.espalier.downloads.Wanted;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.Interruption;
import org.espalier.launcher.option.HubFlags;

/** From a name to a file on this machine. */
final class ModelDownload {
  private final Console console;
  private final Interruption interruption;

  @Inject
  ModelDownload(Console console, Interruption interruption) {
    this.console = console;
    this.interruption = interruption;
  }

  /** Fetches a model unless it is here. */
  Path fetch(ModelName name, HubFlags flags, Wanted wanted) {
    DownloadProgress progress = new DownloadProgress(console, interruption);
    try (Interruption.Work _ = interruption.begin(() -> {})) {
      return new Hub(flags.settings()).fetch(name, wanted, progress);
    } finally {
      progress.end();
    }
  }

  /** The checkpoint that -m or -hf names, for commands that need one. */
  Path checkpoint(Optional<Path> path, HubFlags flags) {
    return flags
        .nameInsteadOf(path)
        .map(name -> fetch(name, flags, Wanted.CHECKPOINT))
        .or(() -> path)
        .orElseThrow(() -> new InvalidRequest("no checkpoint was named: give -m or -hf"));
  }
}
