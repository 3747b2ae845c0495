package org.espalier.launcher.command;

import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.espalier.api.EspalierException.Unsupported;

/** Things that a flag chooses by name. */
final class Named {
  private Named() {}

  /**
   * The one of this name.
   *
   * @throws Unsupported when there is none: lists those that are known
   */
  static <T> T find(String flag, String name, List<T> candidates, Function<T, String> naming) {
    return candidates.stream()
        .filter(candidate -> naming.apply(candidate).equals(name))
        .findFirst()
        .orElseThrow(() ->
            new Unsupported(
                "%s %s: there is none of this name; known are %s"
                    .formatted(
                        flag,
                        name,
                        candidates.stream().map(naming).collect(Collectors.joining(", ")))));
  }
}
