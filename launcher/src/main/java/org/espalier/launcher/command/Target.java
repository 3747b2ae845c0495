package org.espalier.launcher.command;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;

/** Where a model is to be written. */
final class Target {
  private Target() {}

  /**
   * Makes sure that a file can go there, before hours are spent on it.
   *
   * @param force whether a file that is there may be replaced
   * @param size bytes that it will take, at least
   */
  static void check(Path out, boolean force, long size) throws IOException {
    if (Files.exists(out) && !force) {
      throw new InvalidRequest(out + " exists; --force replaces it");
    }
    if (Files.isDirectory(out)) {
      throw new InvalidRequest(out + " is a folder");
    }
    Path folder = out.toAbsolutePath().getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      throw new InvalidRequest("there is no folder " + folder);
    }
    long free = Files.getFileStore(folder).getUsableSpace();
    if (free < size) {
      throw new DeviceFailure(
          "%s has room for %s, but the model takes %s"
              .formatted(folder, WriteProgress.bytes(free), WriteProgress.bytes(size)));
    }
  }
}
