package org.espalier.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.espalier.backend.cpu.dense.DenseRehearsal;
import org.espalier.backend.cpu.qtip.QtipKernels;
import org.espalier.backend.cpu.stage.StageRehearsal;
import org.junit.jupiter.api.Test;

class RehearsalTest {
  @Test
  void everyStepRunsOnFourKilobytes() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment zeros = arena.allocate(4096);
      List<Runnable> steps = new ArrayList<>(StageRehearsal.steps(zeros));
      steps.addAll(DenseRehearsal.steps());
      assertFalse(steps.isEmpty());
      steps.addAll(QtipKernels.rehearsal(zeros));
      for (Runnable step : steps) {
        step.run();
        step.run();
      }
    }
  }

  @Test
  void noFileIsLeftBehind() throws IOException {
    long before = files();
    new CpuBackendProvider().prepare();
    assertEquals(before, files());
  }

  private static long files() throws IOException {
    try (Stream<Path> all = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
      return all.filter(file -> file.toString().endsWith(".rehearsal")).count();
    }
  }
}
