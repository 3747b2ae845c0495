package org.espalier.testkit.reference;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ModuleTest {
  @Test
  void runsAsNamedModule() {
    assertTrue(ReferenceBackend.class.getModule().isNamed());
  }
}
