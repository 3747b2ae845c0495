package org.espalier.backend.offload;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ModuleTest {
  @Test
  void runsOnTheModulePath() {
    assertTrue(OffloadBackendProvider.class.getModule().isNamed());
  }
}
