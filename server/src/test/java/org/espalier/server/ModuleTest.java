package org.espalier.server;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ModuleTest {
  @Test
  void runsOnTheModulePath() {
    assertTrue(Server.class.getModule().isNamed());
  }
}
