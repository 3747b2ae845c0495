package org.espalier.downloads;

import java.util.Optional;
import java.util.regex.Pattern;
import org.espalier.api.EspalierException.InvalidRequest;

/**
 * A model of the hub: {@code user/model}, or {@code user/model:file}.
 *
 * @param repository {@code user/model}
 * @param file name of a file in it, or a part of the name that only one file has, such as {@code
 *     "Q4_K_M"}; empty where the repository has one model only
 */
public record ModelName(String repository, Optional<String> file) {
  private static final String PART = "[A-Za-z0-9][A-Za-z0-9._-]{0,95}";
  private static final Pattern REPOSITORY = Pattern.compile(PART + "/" + PART);

  /** Refuses names that could lead out of the cache's folder. */
  public ModelName {
    if (!REPOSITORY.matcher(repository).matches() || repository.contains("..")) {
      throw new InvalidRequest(
          "'%s' is no model of the hub: names look like user/model or user/model:file"
              .formatted(FileNames.shown(repository)));
    }
    file.ifPresent(FileNames::require);
  }

  /**
   * Reads a name.
   *
   * @throws InvalidRequest when it is of another form
   */
  public static ModelName parse(String text) {
    int colon = text.indexOf(':');
    return colon < 0
        ? new ModelName(text, Optional.empty())
        : new ModelName(text.substring(0, colon), Optional.of(text.substring(colon + 1)));
  }

  /** The same repository, another file. */
  public ModelName withFile(String name) {
    return new ModelName(repository, Optional.of(name));
  }

  @Override
  public String toString() {
    return repository + file.map(name -> ":" + name).orElse("");
  }
}
