package org.espalier.downloads;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.downloads.DownloadListener.Step;

/** What was downloaded: a folder per repository, {@code models/user/model}. */
public final class ModelCache {
  private final Path models;

  /** Over a folder, which need not exist. */
  public ModelCache(Path folder) {
    this.models = folder.toAbsolutePath().normalize().resolve("models");
  }

  CachedRepository repository(String name) {
    return new CachedRepository(name, models.resolve(name));
  }

  /** All files, in the order of their names; unfinished ones too. */
  public List<CachedFile> list() {
    List<CachedFile> files = new ArrayList<>();
    for (Path user : folders(models)) {
      for (Path model : folders(user)) {
        files.addAll(list(repository(user.getFileName() + "/" + model.getFileName())));
      }
    }
    return files;
  }

  private static List<CachedFile> list(CachedRepository repository) {
    List<CachedFile> files = new ArrayList<>();
    repository
        .entries()
        .values()
        .forEach(entry -> files.add(cached(repository, entry.file(), entry.commit())));
    for (Path part : repository.parts()) {
      String name = repository.folder().relativize(part).toString();
      files.add(
          new CachedFile(repository.name(), name, part, part.toFile().length(), "", "", false));
    }
    return files;
  }

  private static CachedFile cached(CachedRepository repository, RemoteFile file, String commit) {
    return new CachedFile(
        repository.name(),
        file.name(),
        repository.path(file.name()),
        file.size(),
        file.checksum().toString(),
        commit,
        true);
  }

  private static List<Path> folders(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(Files::isDirectory).sorted().toList();
    } catch (IOException _) {
      return List.of(); // there is none
    }
  }

  /**
   * The files that a name means: all of a repository, or those whose names hold what follows the
   * colon.
   *
   * @throws InvalidRequest when there are none
   */
  public List<CachedFile> find(ModelName name) {
    List<CachedFile> found =
        list(repository(name.repository())).stream()
            .filter(file -> means(name.file(), file.name()))
            .toList();
    if (found.isEmpty()) {
      throw new InvalidRequest("%s is not in the cache %s".formatted(name, models));
    }
    return found;
  }

  private static boolean means(Optional<String> wanted, String file) {
    return wanted.isEmpty() || file.contains(wanted.get());
  }

  /**
   * Whether a file still has the bytes that were downloaded.
   *
   * @param listener told how far it is
   */
  public boolean verify(CachedFile file, DownloadListener listener) throws IOException {
    CachedRepository.Entry entry = repository(file.repository()).entries().get(file.name());
    return entry != null
        && entry
            .file()
            .checksum()
            .matches(
                file.path(),
                done -> listener.progress(Step.CHECKING, file.name(), done, file.size()));
  }

  /**
   * Deletes what a name means. Programs that have a file open keep it until they close it.
   *
   * @return what is gone
   * @throws InvalidRequest when there is nothing of that name
   */
  public List<CachedFile> remove(ModelName name, DownloadListener listener) throws IOException {
    CachedRepository repository = repository(name.repository());
    find(name);
    try (FileChannel _ = repository.lock(listener)) {
      List<CachedFile> found = find(name);
      repository.remove(file -> means(name.file(), file));
      for (CachedFile file : found) {
        Files.deleteIfExists(file.path()); // unfinished ones
      }
      return found;
    }
  }
}
