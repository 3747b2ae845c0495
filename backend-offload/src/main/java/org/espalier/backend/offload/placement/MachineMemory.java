package org.espalier.backend.offload.placement;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How much memory can be had without pushing others out, where the system says so. */
public final class MachineMemory {
  private static final Pattern AVAILABLE = Pattern.compile("MemAvailable:\\s+(\\d+) kB");

  /** Limits of the container that a process sees as its own. */
  private static final List<String> LIMITS =
      List.of("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes");

  private MachineMemory() {}

  /** Nine tenths of what Linux says is available, of the container's where that is less. */
  public static OptionalLong available() {
    return available(Path.of("/"));
  }

  static OptionalLong available(Path root) {
    Matcher matcher = AVAILABLE.matcher(read(root.resolve("proc/meminfo")));
    if (!matcher.find()) {
      return OptionalLong.empty(); // not Linux
    }
    long bytes = Long.parseLong(matcher.group(1)) << 10;
    for (String limit : LIMITS) {
      String text = read(root.resolve(limit)).strip();
      if (text.matches("\\d{1,18}")) {
        bytes = Math.min(bytes, Long.parseLong(text));
      }
    }
    return OptionalLong.of(bytes / 10 * 9);
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException _) {
      return "";
    }
  }
}
