package org.espalier.downloads;

import java.util.regex.Pattern;
import org.espalier.api.EspalierException.InvalidRequest;

/** Names of files in a repository. They come from strangers and become paths here. */
final class FileNames {
  /** No backslash, colon or control character; no empty part, and none that begins with a dot. */
  private static final Pattern SAFE =
      Pattern.compile(
          "[^./\\\\:\\p{Cntrl}][^/\\\\:\\p{Cntrl}]*(/[^./\\\\:\\p{Cntrl}][^/\\\\:\\p{Cntrl}]*)*");

  private static final int MOST_CHARACTERS = 200;

  private FileNames() {}

  /** Whether a file of this name can lie in a folder of the cache, and nowhere else. */
  static boolean isSafe(String name) {
    return name.length() <= MOST_CHARACTERS && SAFE.matcher(name).matches();
  }

  static void require(String name) {
    if (!isSafe(name)) {
      throw new InvalidRequest("'%s' cannot be the name of a file".formatted(shown(name)));
    }
  }

  /** A name that may hold anything, fit to be printed. */
  static String shown(String name) {
    String plain = name.replaceAll("\\p{Cntrl}", "?");
    return plain.length() <= MOST_CHARACTERS ? plain : plain.substring(0, MOST_CHARACTERS) + "…";
  }
}
