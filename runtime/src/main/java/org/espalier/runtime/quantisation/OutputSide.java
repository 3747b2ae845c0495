package org.espalier.runtime.quantisation;

import org.espalier.api.linear.TileGrid;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;

/**
 * What the errors of other rows of tiles ask of one, where the loss is tr(G E H Eᵀ): G is the
 * second moment of the loss's gradient with respect to the outputs.
 *
 * <p>With G = L D Lᵀ the loss is that of Lᵀ E, so a row of tiles is quantised like any other, only
 * towards W̃_a + Σ_{i>a} (L_ia)ᵀ E_i. Once all rows are known, the part of the loss that row a
 * decides is that of E_a + R_a, R_a = G_aa⁻¹ Σ_{i≠a} G_ai E_i, with G_aa between its rows.
 */
final class OutputSide {
  private final RotatedHessian outputs;
  private final LinearAlgebra algebra;
  private final int block;

  /** E = (W̃ − Ŵ) / scale, zero where not yet known. */
  private final FloatMatrix errors;

  OutputSide(RotatedHessian outputs, TileGrid grid, int columns, LinearAlgebra algebra) {
    this.outputs = outputs;
    this.algebra = algebra;
    this.block = grid.rows();
    this.errors = FloatMatrix.zeros(outputs.size(), columns);
  }

  /** Takes on what became of a row of tiles. */
  void put(int row, TileRow tiles) {
    tiles.unshiftedError(errors.rows(row * block, block));
  }

  /** Σ_{i>a} (L_ia)ᵀ E_i. */
  FloatMatrix feedback(int row) {
    int first = (row + 1) * block;
    int rest = errors.rows() - first;
    FloatMatrix sum = FloatMatrix.zeros(block, errors.columns());
    if (rest > 0) {
      FloatMatrix factor = outputs.feedback().part(first, rest, row * block, block);
      algebra.addProduct(transpose(factor), errors.rows(first, rest), sum, Parallel.SERIAL);
    }
    return sum;
  }

  /** R_a. */
  FloatMatrix others(int row) {
    FloatMatrix known = FloatMatrix.zeros(errors.rows(), errors.columns());
    System.arraycopy(errors.values(), 0, known.values(), 0, known.values().length);
    FloatMatrix own = known.rows(row * block, block);
    for (int i = 0; i < block; i++) {
      for (int j = 0; j < own.columns(); j++) {
        own.values()[own.row(i) + j] = 0;
      }
    }
    FloatMatrix sum = FloatMatrix.zeros(block, errors.columns());
    algebra.addProduct(outputs.rotated().rows(row * block, block), known, sum, Parallel.SERIAL);
    FloatMatrix others = FloatMatrix.zeros(block, errors.columns());
    algebra.addProduct(outputs.inverseBlock(row), sum, others, Parallel.SERIAL);
    return others;
  }

  /** G_aa. */
  FloatMatrix block(int row) {
    return outputs.rotated().part(row * block, block, row * block, block);
  }

  private static FloatMatrix transpose(FloatMatrix x) {
    FloatMatrix y = FloatMatrix.zeros(x.columns(), x.rows());
    for (int i = 0; i < x.rows(); i++) {
      for (int j = 0; j < x.columns(); j++) {
        y.values()[j * x.rows() + i] = x.get(i, j);
      }
    }
    return y;
  }
}
