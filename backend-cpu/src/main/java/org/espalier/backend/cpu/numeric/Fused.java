package org.espalier.backend.cpu.numeric;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShape;

/**
 * Multiplies and adds, with one rounding where the CPU can and with two where it cannot: without
 * the instruction, {@link Math#fma} takes microseconds. One answer per process, so that kernels
 * agree.
 */
public final class Fused {
  /**
   * Every x86 CPU with 256-bit integer vectors has it, and every other architecture that matters.
   */
  private static final boolean AVAILABLE =
      switch (System.getProperty("os.arch")) {
        case "amd64", "x86_64", "x86" -> VectorShape.preferredShape().vectorBitSize() >= 256;
        default -> true;
      };

  private Fused() {}

  /** Whether there is one rounding. */
  static boolean isAvailable() {
    return AVAILABLE;
  }

  /** a · b + c. */
  public static float multiplyAdd(float a, float b, float c) {
    return AVAILABLE ? Math.fma(a, b, c) : a * b + c;
  }

  /** a · b + c, lane by lane. */
  public static FloatVector multiplyAdd(FloatVector a, FloatVector b, FloatVector c) {
    return AVAILABLE ? a.fma(b, c) : a.mul(b).add(c);
  }

  /** a · b + c. */
  public static double multiplyAdd(double a, double b, double c) {
    return AVAILABLE ? Math.fma(a, b, c) : a * b + c;
  }

  /** a · b + c, lane by lane. */
  public static DoubleVector multiplyAdd(DoubleVector a, DoubleVector b, DoubleVector c) {
    return AVAILABLE ? a.fma(b, c) : a.mul(b).add(c);
  }
}
