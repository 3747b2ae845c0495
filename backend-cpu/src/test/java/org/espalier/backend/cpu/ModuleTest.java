package org.espalier.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ModuleTest {
  @Test
  void runsAsANamedModule() {
    assertTrue(CpuBackendProvider.class.getModule().isNamed());
  }
}
