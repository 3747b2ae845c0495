package org.espalier.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ModuleTest {
  @Test
  void runsOnTheModulePath() {
    assertTrue(CudaBackendProvider.class.getModule().isNamed());
  }
}
