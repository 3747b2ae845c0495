package org.espalier.runtime.quantisation;

import org.espalier.api.EspalierException;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;

/** The change of basis in which weights and inputs look like noise. */
final class Rotations {
  private Rotations() {}

  /** Where a matrix has a number that is not finite, and what to throw then. */
  @FunctionalInterface
  interface Refusal {
    EspalierException at(float value, int row, int column);
  }

  /**
   * Ĥ diag(left) X diag(right) Ĥ, a new matrix.
   *
   * @param refusal makes the exception for a number that is not finite
   */
  static FloatMatrix rotate(
      FloatMatrix x,
      float[] left,
      float[] right,
      Refusal refusal,
      LinearAlgebra algebra,
      Parallel parallel) {
    int n = x.columns();
    FloatMatrix rotated = FloatMatrix.zeros(x.rows(), n);
    for (int i = 0; i < x.rows(); i++) {
      int from = x.row(i);
      for (int j = 0; j < n; j++) {
        float value = x.values()[from + j];
        if (!Float.isFinite(value)) {
          throw refusal.at(value, i, j);
        }
        rotated.values()[i * n + j] = left[i] * value * right[j];
      }
    }
    algebra.transformRows(rotated, parallel);
    algebra.transformColumns(rotated, parallel);
    return rotated;
  }
}
