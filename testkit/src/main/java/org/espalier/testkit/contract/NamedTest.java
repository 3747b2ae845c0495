package org.espalier.testkit.contract;

import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.function.Executable;
import org.opentest4j.AssertionFailedError;

/** Tests whose failures say what they were about: build tools show numbers in place of names. */
final class NamedTest {
  private NamedTest() {}

  static DynamicTest of(String name, Executable test) {
    return DynamicTest.dynamicTest(
        name,
        () -> {
          try {
            test.execute();
          } catch (AssertionError failure) {
            throw new AssertionFailedError(name + ": " + failure.getMessage(), failure);
          }
        });
  }
}
