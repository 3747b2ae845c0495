package org.espalier.launcher;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The modules as they were built: jars or folders of classes, by the names of their folders. */
public final class Product {
  /** In the order in which they build on each other. */
  public static final List<String> MODULES =
      List.of(
          "api",
          "format-gguf",
          "format-safetensors",
          "codec-qtip",
          "codec-ggml",
          "arch-olmoe",
          "backend-cpu",
          "backend-cuda",
          "backend-offload",
          "runtime",
          "server",
          "datasets",
          "downloads",
          "testkit",
          "launcher");

  private Product() {}

  /** Where each module's classes are, from the paths of this JVM. */
  public static Map<String, Path> locations() {
    List<Path> entries = entries().toList();
    Map<String, Path> locations = new LinkedHashMap<>();
    for (String module : MODULES) {
      Path location =
          entries.stream()
              .filter(entry -> isOf(module, entry))
              .findFirst()
              .orElseThrow(() -> new AssertionError(module + " is on no path: " + entries));
      locations.put(module, location);
    }
    return locations;
  }

  private static boolean isOf(String module, Path entry) {
    String path = entry.toString().replace(File.separatorChar, '/');
    return path.endsWith("/" + module + "/target/classes")
        || path.matches(".*/" + module + "/target/espalier-" + module + "-[^/]*\\.jar");
  }

  /** All of them and JSpecify, which api passes on: what a plugin is compiled against. */
  public static String path() {
    return Stream.concat(
            locations().values().stream(),
            entries().filter(entry -> entry.getFileName().toString().startsWith("jspecify-")))
        .map(Path::toString)
        .collect(Collectors.joining(File.pathSeparator));
  }

  /** What testkit requires, without itself and api. */
  public static List<Path> jarsOfTestkit() {
    return List.of(
            "junit-jupiter-api-", "junit-platform-commons-", "opentest4j-", "apiguardian-api-")
        .stream()
        .map(name ->
            entries()
                .filter(entry -> entry.getFileName().toString().startsWith(name))
                .findFirst()
                .orElseThrow(() -> new AssertionError(name + " is on no path")))
        .toList();
  }

  private static Stream<Path> entries() {
    return Stream.of("jdk.module.path", "java.class.path")
        .flatMap(key -> Stream.of(System.getProperty(key, "").split(File.pathSeparator)))
        .filter(entry -> !entry.isEmpty())
        .map(Path::of)
        .filter(Files::exists);
  }
}
