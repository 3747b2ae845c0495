package org.espalier.runtime.quantisation;

import java.util.Optional;
import org.espalier.api.codec.TileQuantizer;
import org.espalier.api.linear.TileGrid;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;

/**
 * Second thoughts about a row of tiles: LDLQ chooses a column block knowing only the errors of
 * those after it; here each is chosen again, knowing all others.
 *
 * <p>With errors e = (W̃ − Ŵ) / scale and S_j = Σ e_i H̃_ij over i ≠ j, the loss as a function of
 * block j is e_j H̃_jj e_jᵀ + 2 e_j S_jᵀ + …, least at Ŵ_j = W̃_j + S_j H̃_jj⁻¹: the target of a
 * new search. What it finds is kept if the loss gets smaller.
 */
final class Refinement {
  private final TileRow row;
  private final RotatedHessian hessian;
  private final LinearAlgebra algebra;
  private final int rows;
  private final int columns;
  private final int n;

  /** e H̃. */
  private final FloatMatrix weighted;

  /** How errors of two rows count together; empty: not at all. */
  private final Optional<FloatMatrix> between;

  private final float[] others;
  private final float[] target;
  private final float[] reconstruction;
  private final float[] change;
  private final double[] slopes;
  private final byte[] code;

  Refinement(
      TileRow row,
      RotatedHessian hessian,
      Optional<FloatMatrix> between,
      TileGrid grid,
      int codeBytes,
      LinearAlgebra algebra) {
    this.row = row;
    this.between = between;
    this.hessian = hessian;
    this.algebra = algebra;
    this.rows = grid.rows();
    this.columns = grid.columns();
    this.n = row.error().columns();
    this.weighted = FloatMatrix.zeros(rows, n);
    algebra.addProduct(row.error(), hessian.rotated(), weighted, Parallel.SERIAL);
    this.others = new float[grid.size()];
    this.target = new float[grid.size()];
    this.reconstruction = new float[grid.size()];
    this.change = new float[grid.size()];
    this.slopes = new double[grid.size()];
    this.code = new byte[codeBytes];
  }

  /** Goes once through all column blocks, from the last to the first. */
  void pass(TileQuantizer.Search search) {
    for (int first = n - columns; first >= 0; first -= columns) {
      aim(first);
      search.quantize(target, 1, code, reconstruction);
      if (lossChange(first) < 0) {
        row.put(first, code, reconstruction);
        algebra.addProduct(
            FloatMatrix.of(change, rows, columns),
            hessian.rotated().rows(first, columns),
            weighted,
            Parallel.SERIAL);
      }
    }
  }

  /** Computes S_j and the target. */
  private void aim(int first) {
    FloatMatrix error = row.error();
    FloatMatrix inverse = hessian.inverseBlock(first / columns);
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        float sum = weighted.get(i, first + j);
        for (int k = 0; k < columns; k++) {
          sum -= error.get(i, first + k) * hessian.rotated().get(first + k, first + j);
        }
        others[i * columns + j] = sum;
      }
      for (int j = 0; j < columns; j++) {
        float sum = row.unit().get(i, first + j);
        for (int k = 0; k < columns; k++) {
          sum += others[i * columns + k] * inverse.get(k, j);
        }
        target[i * columns + j] = sum;
      }
    }
  }

  /**
   * Σ over rows, or over pairs of rows, of d (H̃_jj (e + e′)ᵀ + 2 Sᵀ), where d = e′ − e is the
   * change of the error.
   */
  private double lossChange(int first) {
    float[] sum = new float[columns];
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        float before = row.error().get(i, first + j);
        float after = row.unit().get(i, first + j) - reconstruction[i * columns + j];
        change[i * columns + j] = after - before;
        sum[j] = after + before;
      }
      for (int j = 0; j < columns; j++) {
        double slope = 2 * others[i * columns + j];
        for (int k = 0; k < columns; k++) {
          slope += (double) sum[k] * hessian.rotated().get(first + k, first + j);
        }
        slopes[i * columns + j] = slope;
      }
    }
    double loss = 0;
    for (int i = 0; i < rows; i++) {
      for (int other = 0; other < rows; other++) {
        double factor = between.isPresent() ? between.get().get(i, other) : i == other ? 1 : 0;
        for (int j = 0; factor != 0 && j < columns; j++) {
          loss += factor * change[i * columns + j] * slopes[other * columns + j];
        }
      }
    }
    return loss;
  }
}
