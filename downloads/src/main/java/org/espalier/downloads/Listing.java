package org.espalier.downloads;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.EspalierException.MalformedData;
import tools.jackson.core.JacksonException;
import tools.jackson.jr.ob.JSON;

/**
 * What a repository holds at one moment, as the hub tells it.
 *
 * @param repository {@code user/model}
 * @param commit that pins the files
 * @param files whose names are safe and whose checksums are known; others are left out
 */
record Listing(String repository, String commit, List<RemoteFile> files) {
  Listing {
    files = List.copyOf(files);
  }

  /** Reads the answer of {@code /api/models/user/model?blobs=true}. */
  static Listing parse(String repository, byte[] json) {
    Map<String, Object> answer;
    try {
      answer = JSON.std.mapFrom(json);
    } catch (JacksonException e) {
      throw malformed(repository, "it is not JSON");
    }
    if (!(answer.get("sha") instanceof String commit) || !commit.matches("[0-9a-f]{7,64}")) {
      throw malformed(repository, "it names no commit");
    }
    if (!(answer.get("siblings") instanceof List<?> siblings)) {
      throw malformed(repository, "it lists no files");
    }
    List<RemoteFile> files = new ArrayList<>();
    for (Object sibling : siblings) {
      if (sibling instanceof Map<?, ?> fields) {
        file(fields).ifPresent(files::add);
      }
    }
    return new Listing(repository, commit, files);
  }

  private static Optional<RemoteFile> file(Map<?, ?> fields) {
    if (!(fields.get("rfilename") instanceof String name)
        || !FileNames.isSafe(name)
        || !(fields.get("size") instanceof Number size)
        || size.longValue() < 0) {
      return Optional.empty();
    }
    return checksum(fields).map(checksum -> new RemoteFile(name, size.longValue(), checksum));
  }

  private static Optional<Checksum> checksum(Map<?, ?> fields) {
    return fields.get("lfs") instanceof Map<?, ?> large
        ? checksum(Checksum.Kind.SHA256, large.get("sha256"))
        : checksum(Checksum.Kind.GIT, fields.get("blobId"));
  }

  private static Optional<Checksum> checksum(Checksum.Kind kind, Object value) {
    return value instanceof String text && Checksum.isValid(kind, text)
        ? Optional.of(new Checksum(kind, text))
        : Optional.empty();
  }

  private static MalformedData malformed(String repository, String what) {
    return new MalformedData(
        "the hub's answer about %s cannot be understood: %s".formatted(repository, what));
  }
}
