package org.espalier.runtime.quantisation.pipeline;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;

/**
 * Where results gather until all are there: a folder beside the new file, with one file for each
 * finished matrix, scratch files, and a text that says which model, calibration and options they
 * belong to.
 */
final class WorkFolder implements Results, AutoCloseable {
  private static final String DESCRIPTION = "work.txt";
  private static final String LOCK = "lock";
  private static final String RESULT = ".unit";

  private final Path folder;
  private final FileChannel lock;

  private WorkFolder(Path folder, FileChannel lock) {
    this.folder = folder;
    this.lock = lock;
  }

  /** The folder that belongs to a target. */
  static Path of(Path target, Optional<Shard> shard) {
    String suffix =
        shard.map(s -> ".shard-%d-of-%d".formatted(s.index(), s.count())).orElse(".work");
    return target.toAbsolutePath().resolveSibling(target.getFileName() + suffix);
  }

  /**
   * Opens it.
   *
   * @param description of the work, by names that people understand; what was begun with another is
   *     not gone on with
   * @throws InvalidRequest when there is work already and it is neither to be resumed nor thrown
   *     away, or belongs to something else
   */
  static WorkFolder open(
      Path folder, Map<String, String> description, boolean resume, boolean restart) {
    try {
      Files.createDirectories(folder);
      WorkFolder work = new WorkFolder(folder, locked(folder));
      try {
        work.agree(description, resume, restart);
        return work;
      } catch (RuntimeException | IOException e) {
        work.close();
        throw e;
      }
    } catch (IOException e) {
      throw failed(folder, e);
    }
  }

  private static FileChannel locked(Path folder) throws IOException {
    FileChannel channel =
        FileChannel.open(folder.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    FileLock lock = null;
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException _) {
      // told below
    }
    if (lock == null) {
      channel.close();
      throw new InvalidRequest("another process is at work in " + folder);
    }
    return channel;
  }

  private void agree(Map<String, String> description, boolean resume, boolean restart)
      throws IOException {
    Path file = folder.resolve(DESCRIPTION);
    if (Files.exists(file)) {
      if (resume) {
        requireSame(description, Files.readAllLines(file));
        return;
      }
      if (!restart && holdsResults()) {
        throw new InvalidRequest(
            "%s holds unfinished work: --resume goes on with it, --force throws it away"
                .formatted(folder));
      }
    }
    clear();
    Path unfinished = folder.resolve(DESCRIPTION + ".part");
    Files.write(
        unfinished,
        description.entrySet().stream().map(e -> e.getKey() + "=" + e.getValue()).toList());
    Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE);
  }

  private boolean holdsResults() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.anyMatch(file -> file.getFileName().toString().endsWith(RESULT));
    }
  }

  /** What a folder says that its results belong to; empty when it says nothing. */
  static Optional<Map<String, String>> description(Path folder) {
    Path file = folder.resolve(DESCRIPTION);
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    try {
      return Optional.of(values(Files.readAllLines(file)));
    } catch (IOException e) {
      throw failed(folder, e);
    }
  }

  private static Map<String, String> values(List<String> lines) {
    Map<String, String> values = new LinkedHashMap<>();
    for (String line : lines) {
      int equals = line.indexOf('=');
      if (equals > 0) {
        values.put(line.substring(0, equals), line.substring(equals + 1));
      }
    }
    return values;
  }

  private void requireSame(Map<String, String> description, List<String> lines) {
    Map<String, String> before = values(lines);
    description.forEach((name, value) -> {
      String old = before.getOrDefault(name, "nothing");
      if (!old.equals(value)) {
        throw new InvalidRequest(
            "%s was begun with another %s (%s, now %s): repeat what it was begun with, or throw it away with --force"
                .formatted(folder, name, old, value));
      }
    });
  }

  /** A file in it. */
  Path file(String name) {
    return folder.resolve(name);
  }

  @Override
  public Optional<UnitFile.Result> result(Operator.Unit unit) {
    return result(folder, unit);
  }

  /** A result that some folder holds. */
  static Optional<UnitFile.Result> result(Path folder, Operator.Unit unit) {
    return UnitFile.read(folder.resolve(unit.name() + RESULT), unit.operator().resultBytes());
  }

  /** Whether there is a result of a unit; it may be damaged. */
  boolean has(Operator.Unit unit) {
    return Files.exists(folder.resolve(unit.name() + RESULT));
  }

  /** Keeps the result of a unit. */
  void keep(Operator.Unit unit, UnitFile.Result result) {
    UnitFile.write(folder.resolve(unit.name() + RESULT), result);
  }

  /** The description goes last: results that have lost it would be taken for those of another. */
  private void clear() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        if (!Set.of(LOCK, DESCRIPTION).contains(file.getFileName().toString())) {
          Files.delete(file);
        }
      }
    }
    Files.deleteIfExists(folder.resolve(DESCRIPTION));
  }

  /** Removes it when all is done. */
  void remove() {
    try {
      clear();
      close();
      Files.delete(folder.resolve(LOCK));
      Files.delete(folder);
    } catch (IOException e) {
      throw failed(folder, e);
    }
  }

  /** Lets go of it; what is in it stays. */
  @Override
  public void close() {
    try {
      lock.close();
    } catch (IOException e) {
      throw failed(folder, e);
    }
  }

  private static DeviceFailure failed(Path folder, IOException e) {
    return new DeviceFailure("%s cannot be used (%s)".formatted(folder, e.getMessage()), e);
  }
}
