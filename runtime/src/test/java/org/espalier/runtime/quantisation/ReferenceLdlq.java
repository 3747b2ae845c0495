package org.espalier.runtime.quantisation;

import java.util.Optional;
import org.espalier.api.codec.TileQuantizer;
import org.espalier.api.math.FloatMatrix;

/** BlockLDLQ as it is written down, in F64, with full products at every step. */
final class ReferenceLdlq {
  final double[][] rotated;
  final double scale;
  final byte[] codes;
  final double proxyLoss;
  final double proxyEnergy;
  final double relativeError;

  ReferenceLdlq(
      FloatMatrix weights,
      FloatMatrix hessian,
      Optional<FloatMatrix> outputs,
      float[] left,
      float[] right,
      double damping,
      TileQuantizer tiles,
      TileQuantizer.Search search) {
    int m = weights.rows();
    int n = weights.columns();
    int rows = tiles.grid().rows();
    int columns = tiles.grid().columns();
    rotated = rotate(weights, left, right);
    double[][] h = rotate(hessian, right, right);
    double squares = trace(multiply(rotated, transpose(rotated)));
    scale = squares == 0 ? 1 : Math.sqrt(squares / ((double) m * n));
    double[][] l = blockFactor(h, damping, columns);
    codes = new byte[m / rows * (n / columns) * tiles.codeBytes()];
    double[][] difference = new double[m][n];
    // (I + A)ᵀ with A of the outputs, the identity where they count alike.
    double[][] across = identity(m);
    if (outputs.isPresent()) {
      add(across, blockFactor(rotate(outputs.get(), left, left), damping, rows));
    }
    for (int row = m - rows; row >= 0; row -= rows) {
      for (int first = n - columns; first >= 0; first -= columns) {
        // (I + A)ᵀ E (I + B) − E with what is not yet known as zero.
        double[][] correction = multiply(transpose(across), difference);
        add(correction, multiply(correction, l));
        float[] target = new float[rows * columns];
        for (int i = 0; i < target.length; i++) {
          int r = row + i / columns;
          int c = first + i % columns;
          target[i] = (float) ((rotated[r][c] + correction[r][c]) / scale);
        }
        byte[] code = new byte[tiles.codeBytes()];
        float[] reconstruction = new float[target.length];
        search.quantize(target, 1, code, reconstruction);
        int tile = row / rows * (n / columns) + first / columns;
        System.arraycopy(code, 0, codes, tile * code.length, code.length);
        for (int i = 0; i < target.length; i++) {
          int r = row + i / columns;
          int c = first + i % columns;
          difference[r][c] = rotated[r][c] - scale * reconstruction[i];
        }
      }
    }
    proxyLoss = trace(multiply(multiply(difference, h), transpose(difference))) / m;
    proxyEnergy = trace(multiply(multiply(rotated, h), transpose(rotated))) / m;
    relativeError = squares == 0 ? 0 : trace(multiply(difference, transpose(difference))) / squares;
  }

  private static double[][] identity(int n) {
    double[][] identity = new double[n][n];
    for (int i = 0; i < n; i++) {
      identity[i][i] = 1;
    }
    return identity;
  }

  private static void add(double[][] a, double[][] b) {
    for (int i = 0; i < a.length; i++) {
      for (int j = 0; j < a[i].length; j++) {
        a[i][j] += b[i][j];
      }
    }
  }

  /** Ĥ diag(left) X diag(right) Ĥ. */
  static double[][] rotate(FloatMatrix x, float[] left, float[] right) {
    double[][] signed = new double[x.rows()][x.columns()];
    for (int i = 0; i < x.rows(); i++) {
      for (int j = 0; j < x.columns(); j++) {
        signed[i][j] = (double) left[i] * x.get(i, j) * right[j];
      }
    }
    return multiply(hadamard(x.rows()), multiply(signed, hadamard(x.columns())));
  }

  /** L of the damped H = L D Lᵀ with identities on the diagonal, by eliminating block by block. */
  static double[][] blockFactor(double[][] h, double damping, int block) {
    int n = h.length;
    double[][] rest = new double[n][];
    for (int i = 0; i < n; i++) {
      rest[i] = h[i].clone();
      rest[i][i] += damping * trace(h) / n;
    }
    double[][] l = new double[n][n];
    for (int first = 0; first < n; first += block) {
      double[][] pivot = new double[block][block];
      for (int i = 0; i < block; i++) {
        System.arraycopy(rest[first + i], first, pivot[i], 0, block);
      }
      double[][] inverse = inverse(pivot);
      for (int i = first + block; i < n; i++) {
        for (int j = 0; j < block; j++) {
          for (int k = 0; k < block; k++) {
            l[i][first + j] += rest[i][first + k] * inverse[k][j];
          }
        }
      }
      for (int i = first + block; i < n; i++) {
        for (int j = first + block; j < n; j++) {
          for (int k = 0; k < block; k++) {
            rest[i][j] -= l[i][first + k] * rest[first + k][j];
          }
        }
      }
    }
    return l;
  }

  /** By Gauss and Jordan; of a positive definite matrix, so no pivoting is needed. */
  private static double[][] inverse(double[][] matrix) {
    int n = matrix.length;
    double[][] a = new double[n][];
    double[][] inverse = new double[n][n];
    for (int i = 0; i < n; i++) {
      a[i] = matrix[i].clone();
      inverse[i][i] = 1;
    }
    for (int p = 0; p < n; p++) {
      double pivot = a[p][p];
      for (int j = 0; j < n; j++) {
        a[p][j] /= pivot;
        inverse[p][j] /= pivot;
      }
      for (int i = 0; i < n; i++) {
        double factor = a[i][p];
        for (int j = 0; i != p && j < n; j++) {
          a[i][j] -= factor * a[p][j];
          inverse[i][j] -= factor * inverse[p][j];
        }
      }
    }
    return inverse;
  }

  static double hadamard(int i, int j, int n) {
    return (Integer.bitCount(i & j) % 2 == 0 ? 1 : -1) / Math.sqrt(n);
  }

  private static double[][] hadamard(int n) {
    double[][] matrix = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        matrix[i][j] = hadamard(i, j, n);
      }
    }
    return matrix;
  }

  private static double[][] multiply(double[][] a, double[][] b) {
    double[][] product = new double[a.length][b[0].length];
    for (int i = 0; i < a.length; i++) {
      for (int k = 0; k < b.length; k++) {
        for (int j = 0; j < b[0].length; j++) {
          product[i][j] += a[i][k] * b[k][j];
        }
      }
    }
    return product;
  }

  private static double[][] transpose(double[][] a) {
    double[][] transposed = new double[a[0].length][a.length];
    for (int i = 0; i < a.length; i++) {
      for (int j = 0; j < a[0].length; j++) {
        transposed[j][i] = a[i][j];
      }
    }
    return transposed;
  }

  private static double trace(double[][] a) {
    double trace = 0;
    for (int i = 0; i < a.length; i++) {
      trace += a[i][i];
    }
    return trace;
  }
}
