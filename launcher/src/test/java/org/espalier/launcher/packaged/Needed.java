package org.espalier.launcher.packaged;

import org.junit.jupiter.api.Assumptions;

/**
 * Programs beside the JDK that some tests need. Where one is missing the test is skipped, and says
 * so; continuous integration sets {@code ESPALIER_SKIP_NOTHING}, and there it fails.
 */
final class Needed {
  private static final String STRICT = "ESPALIER_SKIP_NOTHING";

  private Needed() {}

  static void require(boolean present, String missing) {
    if (!present && System.getenv(STRICT) != null) {
      throw new AssertionError(missing + ", and " + STRICT + " is set");
    }
    Assumptions.assumeTrue(present, missing);
  }
}
