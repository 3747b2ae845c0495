package org.espalier.backend.cpu.algebra;

import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.Parallel;

/** Completes symmetric matrices. */
final class Mirror {
  /** A square of this side is read by rows and written by columns inside the first-level cache. */
  private static final int SIDE = 32;

  private Mirror() {}

  static void upwards(FloatMatrix g, Parallel parallel) {
    int n = g.rows();
    int blocks = Math.ceilDiv(n, SIDE);
    parallel.run(
        blocks,
        block -> {
          int firstRow = block * SIDE;
          int lastRow = Math.min(firstRow + SIDE, n);
          for (int column = 0; column < lastRow; column += SIDE) {
            copy(g, firstRow, lastRow, column);
          }
        });
  }

  private static void copy(FloatMatrix g, int firstRow, int lastRow, int firstColumn) {
    float[] values = g.values();
    for (int i = firstRow; i < lastRow; i++) {
      int row = g.row(i);
      int end = Math.min(firstColumn + SIDE, i);
      for (int j = firstColumn; j < end; j++) {
        values[g.row(j) + i] = values[row + j];
      }
    }
  }
}
