package org.espalier.launcher.option;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** What the host's processor is called. */
public final class ProcessorName {
  private static final Path LINUX_PROCESSORS = Path.of("/proc/cpuinfo");
  private static final String KEY = "model name";

  private ProcessorName() {}

  /** As the system tells it, else its architecture. */
  public static String read() {
    String name = read(LINUX_PROCESSORS);
    return name.isEmpty() ? System.getProperty("os.arch") : name;
  }

  /** The first name in a file such as Linux has; empty where there is none. */
  static String read(Path file) {
    try (Stream<String> lines = Files.lines(file)) {
      return lines
          .filter(line -> line.startsWith(KEY) && line.contains(":"))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse("");
    } catch (IOException _) {
      return "";
    }
  }
}
