package org.espalier.testkit.reference;

/** Element by element. */
final class Vectors {
  private Vectors() {}

  /** a + b. */
  static double[] sum(double[] a, double[] b) {
    double[] sum = new double[a.length];
    for (int i = 0; i < a.length; i++) {
      sum[i] = a[i] + b[i];
    }
    return sum;
  }

  /** Adds {@code factor} · b to a. */
  static void addScaled(double[] a, double factor, double[] b) {
    for (int i = 0; i < a.length; i++) {
      a[i] += factor * b[i];
    }
  }

  /** SiLU(gate) ⊙ up, where SiLU(g) = g / (1 + e^−g). */
  static double[] gated(double[] gate, double[] up) {
    double[] hidden = new double[gate.length];
    for (int i = 0; i < gate.length; i++) {
      hidden[i] = gate[i] / (1 + Math.exp(-gate[i])) * up[i];
    }
    return hidden;
  }
}
