package org.espalier.format.gguf;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;

/**
 * A file that grows beside its place and is moved there when it is complete, so that nobody ever
 * sees half of it.
 */
final class TemporaryFile {
  private static final int MAX_ATTEMPTS = 1000;

  private final Path target;
  private final Path temporary;
  private final FileChannel channel;
  private boolean settled;

  private TemporaryFile(Path target, Path temporary, FileChannel channel) {
    this.target = target;
    this.temporary = temporary;
    this.channel = channel;
  }

  /** An empty file in the target's folder. */
  static TemporaryFile create(Path target) {
    Path place = target.toAbsolutePath();
    Path folder = place.getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      throw new InvalidRequest(
          "'%s' cannot be written: there is no folder '%s'".formatted(target, folder));
    }
    if (Files.exists(place) && !Files.isRegularFile(place)) {
      throw new InvalidRequest(
          "'%s' cannot be written: there is something that is not a file".formatted(target));
    }
    try {
      // A link stays a link; the file that it names is the one to be replaced.
      Path resolved = Files.exists(place) ? place.toRealPath() : place;
      return create(target, resolved);
    } catch (IOException e) {
      throw new DeviceFailure(
          "'%s' cannot be written: %s".formatted(target, IoFailure.reason(e)), e);
    }
  }

  private static TemporaryFile create(Path target, Path resolved) throws IOException {
    for (int attempt = 0; ; attempt++) {
      Path temporary =
          resolved.resolveSibling(
              "%s.%d-%d.partial"
                  .formatted(resolved.getFileName(), ProcessHandle.current().pid(), attempt));
      try {
        // Not Files.createTempFile: its permissions would stay with the finished file.
        FileChannel channel =
            FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        return new TemporaryFile(resolved, temporary, channel);
      } catch (FileAlreadyExistsException e) {
        if (attempt == MAX_ATTEMPTS) {
          throw e;
        }
      }
    }
  }

  FileChannel channel() {
    return channel;
  }

  /** Stops a writer that has finished, failed or been closed. */
  void requireOpen() {
    if (!channel.isOpen()) {
      throw new IllegalStateException("'%s' is no longer being written".formatted(target));
    }
  }

  /** Makes sure that everything is on the disk, then gives the file its name. */
  void moveIntoPlace() throws IOException {
    channel.force(true);
    channel.close();
    Files.move(
        temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    settled = true;
    forceFolder();
  }

  /** Puts the new name on the disk too, where the system lets a folder be opened. */
  private void forceFolder() {
    try (FileChannel folder = FileChannel.open(target.resolveSibling(""))) {
      folder.force(true);
    } catch (IOException e) {
      // Windows refuses; the file itself is complete and in place.
      return;
    }
  }

  /**
   * Removes what is unfinished; does nothing after the move or a second time.
   *
   * @return whether nothing is left of it
   */
  boolean discard() {
    if (settled) {
      return true;
    }
    try {
      channel.close();
      Files.deleteIfExists(temporary);
      settled = true;
    } catch (IOException e) {
      return false;
    }
    return true;
  }

  /** As {@link #discard}, and says so when that fails. */
  void close() {
    if (!discard()) {
      throw new DeviceFailure(
          "the unfinished file '%s' cannot be removed: delete it".formatted(temporary));
    }
  }

  /** One sentence about a write that failed. */
  DeviceFailure failure(IOException e, long expectedSize) {
    return new DeviceFailure(
        "'%s' cannot be written: %s (about %d bytes are needed, %s are free)"
            .formatted(target, IoFailure.reason(e), expectedSize, free()),
        e);
  }

  private String free() {
    try {
      return Long.toString(
          Files.getFileStore(target.toAbsolutePath().getParent()).getUsableSpace());
    } catch (IOException e) {
      return "an unknown number";
    }
  }
}
