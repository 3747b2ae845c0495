package org.espalier.backend.offload.placement;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How much memory can be had without pushing others out, where the system says so. */
public final class MachineMemory {
  private static final Pattern AVAILABLE = Pattern.compile("MemAvailable:\\s+(\\d+) kB");

  /** The process's control group, of the second kind or of the first. */
  private static final Pattern GROUP = Pattern.compile("(?m)^\\d+:(|memory):(/.*)$");

  private MachineMemory() {}

  /**
   * Nine tenths of what Linux says is available, of its control group's limit where that is less.
   */
  public static OptionalLong available() {
    return available(Path.of("/"));
  }

  static OptionalLong available(Path root) {
    Matcher matcher = AVAILABLE.matcher(read(root.resolve("proc/meminfo")));
    if (!matcher.find()) {
      return OptionalLong.empty(); // not Linux
    }
    long bytes = Long.parseLong(matcher.group(1)) << 10;
    Matcher group = GROUP.matcher(read(root.resolve("proc/self/cgroup")));
    while (group.find()) {
      boolean isFirst = group.group(1).equals("memory");
      Path top = root.resolve(isFirst ? "sys/fs/cgroup/memory" : "sys/fs/cgroup");
      String file = isFirst ? "memory.limit_in_bytes" : "memory.max";
      bytes = Math.min(bytes, limit(top, Path.of(group.group(2)), file));
    }
    return OptionalLong.of(bytes / 10 * 9);
  }

  /** The least limit of a group and those that it is in; a container sees its own as the top. */
  private static long limit(Path top, Path group, String file) {
    long least = Long.MAX_VALUE;
    for (Path at = group.normalize(); at != null; at = at.getParent()) {
      String text = read(top.resolve(Path.of("/").relativize(at)).resolve(file)).strip();
      if (text.matches("\\d{1,18}")) {
        least = Math.min(least, Long.parseLong(text));
      }
    }
    return least;
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException _) {
      return "";
    }
  }
}
