package org.espalier.testkit.reference;

import org.espalier.api.model.Norm;

/** y = w ⊙ x / √(mean(x²) + ε). */
final class RootMeanSquare {
  private final float[] weights;
  private final float epsilon;

  RootMeanSquare(Norm norm) {
    this.weights = norm.weights();
    this.epsilon = norm.epsilon();
  }

  double[] apply(double[] x) {
    double squares = 0;
    for (double value : x) {
      squares += value * value;
    }
    double scale = 1 / Math.sqrt(squares / x.length + epsilon);
    double[] y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      y[i] = weights[i] * x[i] * scale;
    }
    return y;
  }

  double[][] apply(double[][] rows) {
    double[][] normalised = new double[rows.length][];
    for (int row = 0; row < rows.length; row++) {
      normalised[row] = apply(rows[row]);
    }
    return normalised;
  }
}
