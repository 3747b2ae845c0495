package org.espalier.launcher.option;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PhysicalCoresTest {
  @TempDir private Path folder;

  @Test
  void siblingsCountOnce() throws IOException {
    processor("cpu0", "0,2\n");
    processor("cpu1", "1,3\n");
    processor("cpu2", "0,2\n");
    processor("cpu3", "1,3\n");
    Files.createDirectories(folder.resolve("cpufreq"));
    Files.createDirectories(folder.resolve("cpu4")); // offline: tells nothing
    assertEquals(2, PhysicalCores.count(folder));
  }

  @Test
  void zeroWhereTheSystemDoesNotTell() {
    assertEquals(0, PhysicalCores.count(folder.resolve("none")));
    assertEquals(0, PhysicalCores.count(folder));
  }

  @Test
  void neverMoreThanTheProcessMayUse() {
    int count = PhysicalCores.count();
    assertTrue(count >= 1 && count <= Runtime.getRuntime().availableProcessors());
  }

  private void processor(String name, String siblings) throws IOException {
    Path topology = Files.createDirectories(folder.resolve(name).resolve("topology"));
    Files.writeString(topology.resolve("thread_siblings_list"), siblings);
  }
}
