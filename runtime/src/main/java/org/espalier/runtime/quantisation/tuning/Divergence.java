package org.espalier.runtime.quantisation.tuning;

import org.espalier.api.math.FloatMatrix;

/** KL(p ‖ q), with p the softmax of the reference's logits and q that of the model's. */
final class Divergence {
  private Divergence() {}

  /**
   * The sum over rows; the model's logits become the gradient of that sum times {@code factor},
   * factor (q − p), and the reference's become p.
   */
  static double gradient(FloatMatrix reference, FloatMatrix model, float factor) {
    int n = model.columns();
    float[] p = reference.values();
    float[] q = model.values();
    double sum = 0;
    for (int row = 0; row < model.rows(); row++) {
      int pAt = reference.row(row);
      int qAt = model.row(row);
      sum += row(p, pAt, q, qAt, factor, n);
    }
    return sum;
  }

  private static double row(float[] p, int pAt, float[] q, int qAt, float factor, int n) {
    float pLargest = Rows.largest(p, pAt, n);
    float qLargest = Rows.largest(q, qAt, n);
    float[] difference = new float[n];
    float[] weight = new float[n];
    for (int j = 0; j < n; j++) {
      difference[j] = p[pAt + j] - q[qAt + j];
    }
    Rows.exponentials(p, pAt, pLargest, weight, 0, n);
    Rows.exponentials(q, qAt, qLargest, q, qAt, n);
    double pSum = 0;
    double qSum = 0;
    double along = 0;
    for (int j = 0; j < n; j++) {
      pSum += weight[j];
      qSum += q[qAt + j];
      along += (double) weight[j] * difference[j];
    }
    float pFactor = (float) (1 / pSum);
    float qFactor = (float) (1 / qSum);
    for (int j = 0; j < n; j++) {
      p[pAt + j] = weight[j] * pFactor;
      q[qAt + j] = factor * (q[qAt + j] * qFactor - p[pAt + j]);
    }
    return along / pSum - (pLargest + Math.log(pSum)) + (qLargest + Math.log(qSum));
  }
}
