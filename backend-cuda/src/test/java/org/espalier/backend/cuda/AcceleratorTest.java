package org.espalier.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.espalier.api.backend.Accelerator;
import org.espalier.api.backend.Backend;
import org.espalier.backend.cuda.emulator.Machine;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The GPU says what it is called and how fast its memory is. */
class AcceleratorTest {
  @BeforeEach
  void needsDriver() {
    Machine.need();
    Machine.reset();
  }

  @Test
  @Tag("cuda")
  void namesItselfAndMeasures() {
    try (Backend backend = CudaBackends.open()) {
      Accelerator gpu = backend.accelerator().orElseThrow();
      assertFalse(gpu.name().isBlank());
      assertTrue(backend.device().startsWith(gpu.name()), backend.device());
      double bandwidth = gpu.memoryBandwidth();
      assertTrue(bandwidth > 1e8 && bandwidth < 1e14, "%.3g bytes/s".formatted(bandwidth));
    }
  }

  @Test
  void keepsNothingAndNeedsRoom() {
    Machine.needEmulator();
    Machine.set("memory", 5 << 20);
    try (Backend backend = CudaBackends.open()) {
      Accelerator gpu = backend.accelerator().orElseThrow();
      long held = Machine.counted("memory");
      assertTrue(gpu.memoryBandwidth() > 0);
      assertEquals(held, Machine.counted("memory"));
      Machine.set("memory", 3 << 20);
      assertEquals(0, gpu.memoryBandwidth());
    }
  }
}
