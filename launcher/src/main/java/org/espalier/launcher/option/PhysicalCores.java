package org.espalier.launcher.option;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.Stream;

/**
 * How many cores do independent work. Two hardware threads of one core share its vector units, so a
 * second worker there mostly waits.
 */
public final class PhysicalCores {
  private static final Path LINUX_PROCESSORS = Path.of("/sys/devices/system/cpu");

  private PhysicalCores() {}

  /**
   * Physical cores where the system tells, else processors; never more than this process may use.
   */
  public static int count() {
    int processors = Runtime.getRuntime().availableProcessors();
    int cores = count(LINUX_PROCESSORS);
    return cores == 0 ? processors : Math.min(cores, processors);
  }

  /** Distinct groups of sibling threads below a folder such as Linux has; 0 where there is none. */
  static int count(Path folder) {
    Set<String> siblings = new HashSet<>();
    try (Stream<Path> entries = Files.list(folder)) {
      for (Path entry : entries.toList()) {
        Path list = entry.resolve("topology/thread_siblings_list");
        if (entry.getFileName().toString().matches("cpu\\d+") && Files.isReadable(list)) {
          siblings.add(Files.readString(list).strip());
        }
      }
    } catch (IOException _) {
      return 0;
    }
    return siblings.size();
  }
}
