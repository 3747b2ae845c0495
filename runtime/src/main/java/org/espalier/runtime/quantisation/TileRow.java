package org.espalier.runtime.quantisation;

import org.espalier.api.codec.TileQuantizer;
import org.espalier.api.linear.TileGrid;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;

/**
 * One row of tiles on its way through BlockLDLQ.
 *
 * <p>What the errors of finished columns add to the targets of the others is kept in a running sum:
 * at once within a group of {@value #GROUP_COLUMNS} columns, and for all columns before the group
 * in one product when it is done.
 */
final class TileRow {
  private static final int GROUP_COLUMNS = 128;

  private final FloatMatrix rotated;
  private final double scale;
  private final RotatedHessian hessian;
  private final TileGrid grid;
  private final LinearAlgebra algebra;
  private final byte[] codes;
  private final int codeBytes;
  private final int tileRow;

  /** W̃ / scale. */
  private final FloatMatrix unit;

  /** Ŵ / scale, as far as it is known. */
  private final FloatMatrix reconstructed;

  /** (W̃ − Ŵ) / scale, zero where not yet known. */
  private final FloatMatrix error;

  /** (W̃ − Ŵ) A / scale. */
  private final FloatMatrix correction;

  /**
   * A row of tiles.
   *
   * @param rotated its part of W̃
   * @param codes of the whole matrix; those of the row are filled in
   * @param codeBytes of a tile
   * @param tileRow which row of tiles it is
   */
  TileRow(
      FloatMatrix rotated,
      double scale,
      RotatedHessian hessian,
      TileGrid grid,
      LinearAlgebra algebra,
      byte[] codes,
      int codeBytes,
      int tileRow) {
    this.rotated = rotated;
    this.scale = scale;
    this.hessian = hessian;
    this.grid = grid;
    this.algebra = algebra;
    this.codes = codes;
    this.codeBytes = codeBytes;
    this.tileRow = tileRow;
    int rows = rotated.rows();
    int n = rotated.columns();
    unit = FloatMatrix.zeros(rows, n);
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < n; j++) {
        unit.values()[i * n + j] = (float) (rotated.get(i, j) / scale);
      }
    }
    reconstructed = FloatMatrix.zeros(rows, n);
    error = FloatMatrix.zeros(rows, n);
    correction = FloatMatrix.zeros(rows, n);
  }

  /** Finds the codes of all its tiles. */
  void quantize(TileQuantizer.Search search) {
    int n = unit.columns();
    int columns = grid.columns();
    float[] target = new float[grid.size()];
    float[] reconstruction = new float[grid.size()];
    byte[] code = new byte[codeBytes];
    int groupColumns = Math.max(1, GROUP_COLUMNS / columns) * columns;
    int groups = Math.ceilDiv(n, groupColumns);
    for (int group = groups - 1; group >= 0; group--) {
      int groupStart = group * groupColumns;
      int groupEnd = Math.min(groupStart + groupColumns, n);
      for (int first = groupEnd - columns; first >= groupStart; first -= columns) {
        gather(first, target);
        search.quantize(target, 1, code, reconstruction);
        put(first, code, reconstruction);
        feed(first, columns, groupStart, first);
      }
      feed(groupStart, groupEnd - groupStart, 0, groupStart);
    }
  }

  private void gather(int firstColumn, float[] target) {
    int n = unit.columns();
    int columns = grid.columns();
    for (int i = 0; i < grid.rows(); i++) {
      for (int j = 0; j < columns; j++) {
        int at = i * n + firstColumn + j;
        target[i * columns + j] = unit.values()[at] + correction.values()[at];
      }
    }
  }

  /** Takes on what a search found for the tile that begins at a column. */
  void put(int firstColumn, byte[] code, float[] reconstruction) {
    int n = unit.columns();
    int columns = grid.columns();
    int tile = tileRow * (n / columns) + firstColumn / columns;
    System.arraycopy(code, 0, codes, tile * codeBytes, codeBytes);
    for (int i = 0; i < grid.rows(); i++) {
      for (int j = 0; j < columns; j++) {
        int at = i * n + firstColumn + j;
        float value = reconstruction[i * columns + j];
        reconstructed.values()[at] = value;
        error.values()[at] = unit.values()[at] - value;
      }
    }
  }

  /** Adds what the errors of some columns mean for the columns from {@code to} to {@code end}. */
  private void feed(int firstColumn, int columns, int to, int end) {
    if (end > to) {
      int rows = unit.rows();
      algebra.addProduct(
          error.part(0, rows, firstColumn, columns),
          hessian.feedback().part(firstColumn, columns, to, end - to),
          correction.part(0, rows, to, end - to),
          Parallel.SERIAL);
    }
  }

  /**
   * Aims at W̃ / scale + {@code shift} from now on: what the errors of other rows of tiles ask of
   * this one.
   */
  void shift(FloatMatrix shift) {
    for (int i = 0; i < unit.rows(); i++) {
      for (int j = 0; j < unit.columns(); j++) {
        int at = i * unit.columns() + j;
        unit.values()[at] = (float) (rotated.get(i, j) / scale) + shift.get(i, j);
        error.values()[at] = unit.values()[at] - reconstructed.values()[at];
      }
    }
  }

  /** (W̃ − Ŵ) / scale without any shift, into the rows of a matrix. */
  void unshiftedError(FloatMatrix target) {
    for (int i = 0; i < unit.rows(); i++) {
      for (int j = 0; j < unit.columns(); j++) {
        target.values()[target.row(i) + j] =
            (float) (rotated.get(i, j) / scale) - reconstructed.get(i, j);
      }
    }
  }

  /** What is aimed at: W̃ / scale and the shift. */
  FloatMatrix unit() {
    return unit;
  }

  /** What is aimed at less Ŵ / scale. */
  FloatMatrix error() {
    return error;
  }

  /** What was lost, if readers see {@code stored} as the scale. */
  Loss loss(float stored) {
    int rows = unit.rows();
    int n = unit.columns();
    FloatMatrix difference = FloatMatrix.zeros(rows, n);
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < n; j++) {
        difference.values()[i * n + j] = stored * reconstructed.get(i, j) - rotated.get(i, j);
      }
    }
    return new Loss(
        weighted(difference),
        weighted(rotated),
        product(difference, difference),
        product(rotated, rotated));
  }

  /** tr(X H̃ Xᵀ). */
  private double weighted(FloatMatrix x) {
    FloatMatrix products = FloatMatrix.zeros(x.rows(), x.columns());
    algebra.addProduct(x, hessian.rotated(), products, Parallel.SERIAL);
    return product(products, x);
  }

  private static double product(FloatMatrix x, FloatMatrix y) {
    double sum = 0;
    for (int i = 0; i < x.rows(); i++) {
      for (int j = 0; j < x.columns(); j++) {
        sum += (double) x.get(i, j) * y.get(i, j);
      }
    }
    return sum;
  }

  /**
   * Sums over rows, of the error E and of the weights W.
   *
   * @param weightedError tr(E H̃ Eᵀ)
   * @param weightedEnergy tr(W̃ H̃ W̃ᵀ)
   * @param error Σ E²
   * @param energy Σ W̃²
   */
  record Loss(double weightedError, double weightedEnergy, double error, double energy) {
    static final Loss NONE = new Loss(0, 0, 0, 0);

    Loss plus(Loss other) {
      return new Loss(
          weightedError + other.weightedError,
          weightedEnergy + other.weightedEnergy,
          error + other.error,
          energy + other.energy);
    }
  }
}
