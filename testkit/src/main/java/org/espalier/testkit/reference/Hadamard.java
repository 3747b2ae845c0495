package org.espalier.testkit.reference;

/**
 * The orthonormal Walsh–Hadamard transform in natural (Sylvester) order: Ĥ[i][j] = (−1)^popcount(i
 * ∧ j) / √n. It is its own inverse and its own transpose.
 */
final class Hadamard {
  private Hadamard() {}

  /**
   * Transforms every block of {@code x} in place.
   *
   * @param block length of each transform, a power of two that divides the length of {@code x}
   */
  static void transform(double[] x, int block) {
    for (int half = 1; half < block; half *= 2) {
      for (int i = 0; i < x.length; i++) {
        if ((i & half) == 0) {
          double sum = x[i] + x[i + half];
          double difference = x[i] - x[i + half];
          x[i] = sum;
          x[i + half] = difference;
        }
      }
    }
    double scale = 1 / Math.sqrt(block);
    for (int i = 0; i < x.length; i++) {
      x[i] *= scale;
    }
  }
}
