package org.espalier.launcher.option;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProcessorNameTest {
  @TempDir Path folder;

  @Test
  void isTheFirstOfLinux() throws Exception {
    Path file = folder.resolve("cpuinfo");
    Files.writeString(
        file,
        "processor\t: 0\nmodel\t\t: 17\nmodel name\t: A Processor: 9000\n\nmodel name\t: Another\n");
    assertEquals("A Processor: 9000", ProcessorName.read(file));
    Files.writeString(file, "processor\t: 0\n");
    assertEquals("", ProcessorName.read(file));
    assertEquals("", ProcessorName.read(folder.resolve("missing")));
  }

  @Test
  void isNeverEmpty() {
    assertFalse(ProcessorName.read().isBlank());
  }
}
