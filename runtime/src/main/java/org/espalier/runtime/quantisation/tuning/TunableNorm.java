package org.espalier.runtime.quantisation.tuning;

import org.espalier.api.math.FloatMatrix;

/** y = w ⊙ x / √(mean(x²) + ε) with weights that can be tuned. */
final class TunableNorm {
  private final int weights;
  private final float epsilon;

  /**
   * A norm.
   *
   * @param weights offset of w among the parameters
   */
  TunableNorm(int weights, float epsilon) {
    this.weights = weights;
    this.epsilon = epsilon;
  }

  /**
   * What the backward pass needs to know.
   *
   * @param unit x / √(mean(x²) + ε)
   * @param factors 1 / √(mean(x²) + ε), row by row
   */
  record Use(FloatMatrix unit, float[] factors, FloatMatrix y) {}

  Use forward(float[] parameters, FloatMatrix x) {
    int n = x.columns();
    FloatMatrix unit = FloatMatrix.zeros(x.rows(), n);
    float[] factors = new float[x.rows()];
    for (int i = 0; i < x.rows(); i++) {
      double square = Rows.dot(x.values(), x.row(i), x.values(), x.row(i), n);
      factors[i] = (float) (1 / Math.sqrt(square / n + epsilon));
      Rows.addScaled(unit.values(), i * n, x.values(), x.row(i), factors[i], n);
    }
    return new Use(unit, factors, Rows.scaled(unit, parameters, weights));
  }

  /** Adds to the gradient of w and gives that of x. */
  FloatMatrix backward(float[] parameters, Use use, FloatMatrix dy, float[] gradients) {
    int n = dy.columns();
    Rows.addColumnProducts(dy, use.unit(), gradients, weights);
    FloatMatrix dx = Rows.scaled(dy, parameters, weights);
    for (int i = 0; i < dy.rows(); i++) {
      float[] unit = use.unit().values();
      double along = Rows.dot(dx.values(), i * n, unit, i * n, n) / n;
      Rows.addScaled(dx.values(), i * n, unit, i * n, (float) -along, n);
      float factor = use.factors()[i];
      for (int j = 0; j < n; j++) {
        dx.values()[i * n + j] *= factor;
      }
    }
    return dx;
  }
}
