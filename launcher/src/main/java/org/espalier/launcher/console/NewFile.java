package org.espalier.launcher.console;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;
import org.espalier.api.EspalierException.InvalidRequest;

/** A file that appears when it is complete: until then it has another name. */
public final class NewFile {
  private NewFile() {}

  /** Says early that a file cannot be made, before hours of work for it. */
  public static void requirePossible(Path target) {
    Path folder = target.toAbsolutePath().getParent();
    if (Files.isDirectory(target)) {
      throw new InvalidRequest(target + " is a folder");
    }
    if (folder == null || !Files.isDirectory(folder)) {
      throw new InvalidRequest("there is no folder " + folder);
    }
    if (!Files.isWritable(folder)) {
      throw new InvalidRequest("nothing can be written to the folder " + folder);
    }
  }

  /** Writes a text. */
  public static void write(Path target, String text) throws IOException {
    Path folder = target.toAbsolutePath().getParent();
    String name = target.getFileName() + "." + UUID.randomUUID() + ".part";
    Path unfinished = folder == null ? Path.of(name) : folder.resolve(name);
    try {
      Files.writeString(unfinished, text, StandardOpenOption.CREATE_NEW);
      Files.move(unfinished, target, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(unfinished);
    }
  }
}
