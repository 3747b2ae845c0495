package org.espalier.runtime.quantisation;

import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;

/** The definitions, summed in F64. */
final class PlainAlgebra implements LinearAlgebra {
  @Override
  public String name() {
    return "plain";
  }

  @Override
  public int preference() {
    return -1;
  }

  @Override
  public void addProduct(FloatMatrix a, FloatMatrix b, FloatMatrix c, Parallel parallel) {
    for (int i = 0; i < c.rows(); i++) {
      for (int j = 0; j < c.columns(); j++) {
        double sum = c.get(i, j);
        for (int k = 0; k < a.columns(); k++) {
          sum += (double) a.get(i, k) * b.get(k, j);
        }
        c.values()[c.row(i) + j] = (float) sum;
      }
    }
  }

  @Override
  public void addGram(FloatMatrix x, FloatMatrix g, Parallel parallel) {
    for (int i = 0; i < g.rows(); i++) {
      for (int j = 0; j <= i; j++) {
        double sum = g.get(i, j);
        for (int k = 0; k < x.rows(); k++) {
          sum += (double) x.get(k, i) * x.get(k, j);
        }
        g.values()[g.row(i) + j] = (float) sum;
      }
    }
  }

  @Override
  public void mirror(FloatMatrix g, Parallel parallel) {
    for (int i = 0; i < g.rows(); i++) {
      for (int j = 0; j < i; j++) {
        g.values()[g.row(j) + i] = g.get(i, j);
      }
    }
  }

  @Override
  public void transformRows(FloatMatrix matrix, Parallel parallel) {
    int n = matrix.columns();
    for (int i = 0; i < matrix.rows(); i++) {
      double[] sums = new double[n];
      for (int j = 0; j < n; j++) {
        for (int k = 0; k < n; k++) {
          sums[j] += ReferenceLdlq.hadamard(j, k, n) * matrix.get(i, k);
        }
      }
      for (int j = 0; j < n; j++) {
        matrix.values()[matrix.row(i) + j] = (float) sums[j];
      }
    }
  }

  @Override
  public void transformColumns(FloatMatrix matrix, Parallel parallel) {
    int m = matrix.rows();
    for (int j = 0; j < matrix.columns(); j++) {
      double[] sums = new double[m];
      for (int i = 0; i < m; i++) {
        for (int k = 0; k < m; k++) {
          sums[i] += ReferenceLdlq.hadamard(i, k, m) * matrix.get(k, j);
        }
      }
      for (int i = 0; i < m; i++) {
        matrix.values()[matrix.row(i) + j] = (float) sums[i];
      }
    }
  }

  @Override
  public int cholesky(double[] values, int n, Parallel parallel) {
    for (int i = 0; i < n; i++) {
      for (int j = 0; j <= i; j++) {
        double sum = values[i * n + j];
        for (int k = 0; k < j; k++) {
          sum -= values[i * n + k] * values[j * n + k];
        }
        if (i == j && !(sum > 0)) {
          return i;
        }
        values[i * n + j] = i == j ? Math.sqrt(sum) : sum / values[j * n + j];
      }
    }
    return -1;
  }
}
