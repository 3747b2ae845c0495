package org.espalier.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.spi.ToolProvider;

/** Compiles small modules and classes that tests hold as text: plugins, and planted violations. */
public final class Sources {
  private Sources() {}

  /**
   * Compiles source files.
   *
   * @param sources by path, such as {@code "org/example/A.java"} or {@code "module-info.java"}
   * @param target folder for the classes
   * @param flags of javac, such as the module path
   */
  public static Path compile(Map<String, String> sources, Path target, String... flags)
      throws IOException {
    Path folder = Files.createTempDirectory(Path.of("target"), "sources-");
    List<String> arguments = new ArrayList<>(List.of("-d", target.toString(), "-proc:none"));
    arguments.addAll(List.of(flags));
    for (Map.Entry<String, String> source : sources.entrySet()) {
      Path file = folder.resolve(source.getKey());
      Files.createDirectories(file.getParent());
      arguments.add(Files.writeString(file, source.getValue()).toString());
    }
    run("javac", arguments);
    return target;
  }

  /** Puts a folder of classes into a jar. */
  public static Path jar(Path classes, Path jar) {
    run("jar", List.of("--create", "--file", jar.toString(), "-C", classes.toString(), "."));
    return jar;
  }

  private static void run(String tool, List<String> arguments) {
    StringWriter messages = new StringWriter();
    PrintWriter writer = new PrintWriter(messages);
    int exitCode =
        ToolProvider.findFirst(tool)
            .orElseThrow()
            .run(writer, writer, arguments.toArray(String[]::new));
    assertEquals(0, exitCode, () -> tool + " says: " + messages);
  }
}
