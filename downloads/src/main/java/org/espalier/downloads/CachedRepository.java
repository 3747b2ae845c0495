package org.espalier.downloads;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.downloads.DownloadListener.Step;
import tools.jackson.core.JacksonException;
import tools.jackson.jr.ob.JSON;

/**
 * The folder of one repository in the cache: its files under their own names, {@code .index.json}
 * that says what they are, and what interrupted downloads have left. Names of files never begin
 * with a dot, so ours cannot be theirs.
 */
final class CachedRepository {
  private static final String INDEX = ".index.json";
  private static final String LOCK = ".lock";
  private static final String PART = ".part";
  private static final Duration PAUSE = Duration.ofMillis(200);

  private final String name;
  private final Path folder;

  /** A line of the index. */
  record Entry(RemoteFile file, String commit) {}

  CachedRepository(String name, Path folder) {
    this.name = name;
    this.folder = folder;
  }

  String name() {
    return name;
  }

  Path folder() {
    return folder;
  }

  Path path(String file) {
    Path path = folder.resolve(file).normalize();
    if (!path.startsWith(folder)) {
      throw new IllegalArgumentException("outside of the cache: " + file);
    }
    return path;
  }

  /** Where a file grows; another content has another one. */
  Path part(RemoteFile file) {
    Path path = path(file.name());
    return path.resolveSibling(
        ".%s.%s%s".formatted(path.getFileName(), file.checksum().abbreviated(), PART));
  }

  /** Files that are complete, by name. */
  Map<String, Entry> entries() {
    Map<String, Entry> entries = new TreeMap<>();
    for (Entry entry : index()) {
      if (hasSize(path(entry.file().name()), entry.file().size())) {
        entries.put(entry.file().name(), entry);
      }
    }
    return entries;
  }

  boolean has(RemoteFile file) {
    return Optional.ofNullable(entries().get(file.name()))
        .filter(entry -> entry.file().equals(file))
        .isPresent();
  }

  private static boolean hasSize(Path path, long size) {
    try {
      return Files.size(path) == size;
    } catch (IOException _) {
      return false;
    }
  }

  /** An index that cannot be read counts as empty: the files are fetched again. */
  private List<Entry> index() {
    List<Entry> entries = new ArrayList<>();
    try {
      Map<String, Object> json = JSON.std.mapFrom(Files.readAllBytes(folder.resolve(INDEX)));
      if (json.get("files") instanceof List<?> files) {
        files.forEach(file -> entry(file).ifPresent(entries::add));
      }
    } catch (IOException | JacksonException _) {
      // none, or not ours
    }
    return entries;
  }

  private static Optional<Entry> entry(Object json) {
    if (json instanceof Map<?, ?> fields
        && fields.get("name") instanceof String name
        && FileNames.isSafe(name)
        && fields.get("size") instanceof Number size
        && fields.get("kind") instanceof String kind
        && fields.get("checksum") instanceof String value
        && fields.get("commit") instanceof String commit) {
      return Stream.of(Checksum.Kind.values())
          .filter(known -> known.name().equals(kind) && Checksum.isValid(known, value))
          .map(known -> new RemoteFile(name, size.longValue(), new Checksum(known, value)))
          .map(file -> new Entry(file, commit))
          .findFirst();
    }
    return Optional.empty();
  }

  /** Makes a finished part the file, and notes what it is. */
  void adopt(RemoteFile file, String commit) throws IOException {
    Path path = path(file.name());
    Path part = part(file);
    Files.move(part, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    Map<String, Entry> entries = entries();
    entries.put(file.name(), new Entry(file, commit));
    write(entries);
    String begin = "." + path.getFileName() + ".";
    for (Path old : hidden(path.getParent())) {
      String oldName = old.getFileName().toString();
      if (oldName.startsWith(begin) && oldName.endsWith(PART)) {
        Files.deleteIfExists(old); // of a content that is no longer offered
      }
    }
  }

  private void write(Map<String, Entry> entries) throws IOException {
    List<Map<String, Object>> files = new ArrayList<>();
    for (Entry entry : entries.values()) {
      Map<String, Object> fields = new LinkedHashMap<>();
      fields.put("name", entry.file().name());
      fields.put("size", entry.file().size());
      fields.put("kind", entry.file().checksum().kind().name());
      fields.put("checksum", entry.file().checksum().value());
      fields.put("commit", entry.commit());
      files.add(fields);
    }
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("repository", name);
    json.put("files", files);
    Path unfinished = folder.resolve(INDEX + ".new");
    Files.write(unfinished, JSON.std.with(JSON.Feature.PRETTY_PRINT_OUTPUT).asBytes(json));
    Files.move(
        unfinished,
        folder.resolve(INDEX),
        StandardCopyOption.ATOMIC_MOVE,
        StandardCopyOption.REPLACE_EXISTING);
  }

  /** What interrupted downloads have left. */
  List<Path> parts() {
    try (Stream<Path> all = Files.walk(folder)) {
      return all.filter(path -> path.getFileName().toString().endsWith(PART)).sorted().toList();
    } catch (IOException _) {
      return List.of();
    }
  }

  private static List<Path> hidden(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.getFileName().toString().startsWith(".")).toList();
    }
  }

  /** Deletes some files, parts included, or the whole folder. */
  void remove(Predicate<String> which) throws IOException {
    Map<String, Entry> entries = entries();
    for (String file : List.copyOf(entries.keySet())) {
      if (which.test(file)) {
        Files.deleteIfExists(path(file));
        entries.remove(file);
      }
    }
    if (entries.isEmpty()) {
      removeFolder();
    } else {
      write(entries);
    }
  }

  private void removeFolder() throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path path : all.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    }
    Path user = folder.getParent();
    try (Stream<Path> others = Files.list(user)) {
      if (others.findAny().isEmpty()) {
        Files.delete(user);
      }
    }
  }

  /** Waits until no other process or thread changes this folder. */
  FileChannel lock(DownloadListener listener) throws IOException {
    try {
      Files.createDirectories(folder);
      FileChannel channel =
          FileChannel.open(
              folder.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      try {
        while (!isMine(channel)) {
          listener.progress(Step.WAITING, name, 0, 0);
          pause();
        }
        return channel;
      } catch (IOException | RuntimeException e) {
        channel.close();
        throw e;
      }
    } catch (NoSuchFileException e) {
      throw new DeviceFailure("the cache folder %s is gone".formatted(folder), e);
    } catch (java.nio.file.FileSystemException e) {
      throw new DeviceFailure(
          "nothing can be written to the cache folder %s: set ESPALIER_CACHE or --model-cache to another"
              .formatted(folder),
          e);
    }
  }

  private static boolean isMine(FileChannel channel) throws IOException {
    try {
      FileLock lock = channel.tryLock();
      return lock != null;
    } catch (OverlappingFileLockException _) {
      return false; // another thread of this process has it
    }
  }

  private static void pause() {
    try {
      Thread.sleep(PAUSE);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DeviceFailure("the download was interrupted", e);
    }
  }
}
