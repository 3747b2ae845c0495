package org.espalier.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Compares rows of numbers. */
final class Agreement {
  private Agreement() {}

  /** ‖actual − expected‖ / ‖expected‖, or 0 if both are zero; NaN never agrees with anything. */
  static double relativeError(float[] expected, float[] actual) {
    double difference = 0;
    double size = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += Math.pow((double) actual[i] - expected[i], 2);
      size += Math.pow(expected[i], 2);
    }
    return difference == 0 ? 0 : Math.sqrt(difference / size);
  }

  /** Every row's relative error is at most {@code tolerance}. */
  static void assertClose(float[][] expected, float[][] actual, double tolerance, String what) {
    assertEquals(expected.length, actual.length, () -> "number of rows of " + what);
    for (int row = 0; row < expected.length; row++) {
      assertClose(expected[row], actual[row], tolerance, "row " + row + " of " + what);
    }
  }

  /** The relative error is at most {@code tolerance}. */
  static void assertClose(float[] expected, float[] actual, double tolerance, String what) {
    assertEquals(expected.length, actual.length, () -> "width of " + what);
    double error = relativeError(expected, actual);
    assertTrue(
        error <= tolerance,
        () -> "%s: relative error %.3g, allowed is %.3g".formatted(what, error, tolerance));
  }

  /** Equal to the bit. */
  static void assertSame(float[][] expected, float[][] actual, String what) {
    assertEquals(expected.length, actual.length, () -> "number of rows of " + what);
    for (int row = 0; row < expected.length; row++) {
      assertArrayEquals(expected[row], actual[row], "row " + row + " of " + what);
    }
  }
}
