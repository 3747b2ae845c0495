package org.espalier.backend.cpu.algebra;

import static org.espalier.backend.cpu.numeric.Lanes.COUNT;
import static org.espalier.backend.cpu.numeric.Lanes.SPECIES;

import jdk.incubator.vector.FloatVector;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.Parallel;
import org.espalier.backend.cpu.numeric.Hadamard;

/** Walsh–Hadamard transforms of all rows or all columns. */
final class Transforms {
  private static final int ROWS_PER_PIECE = 16;

  /** As many columns as keep a tall matrix in the second-level cache. */
  private static final int COLUMNS_PER_PIECE = 64;

  private Transforms() {}

  static void rows(FloatMatrix matrix, Parallel parallel) {
    int columns = matrix.columns();
    parallel.run(
        Math.ceilDiv(matrix.rows(), ROWS_PER_PIECE),
        piece -> {
          int end = Math.min((piece + 1) * ROWS_PER_PIECE, matrix.rows());
          for (int i = piece * ROWS_PER_PIECE; i < end; i++) {
            Hadamard.transform(matrix.values(), matrix.row(i), columns, columns);
          }
        });
  }

  static void columns(FloatMatrix matrix, Parallel parallel) {
    parallel.run(
        Math.ceilDiv(matrix.columns(), COLUMNS_PER_PIECE),
        piece -> {
          int first = piece * COLUMNS_PER_PIECE;
          int width = Math.min(COLUMNS_PER_PIECE, matrix.columns() - first);
          panel(matrix.values(), matrix.offset() + first, matrix.stride(), matrix.rows(), width);
        });
  }

  private static void panel(float[] x, int offset, int stride, int n, int width) {
    for (int h = 1; h < n; h *= 2) {
      for (int i = 0; i < n; i += 2 * h) {
        for (int j = i; j < i + h; j++) {
          butterfly(x, offset + j * stride, offset + (j + h) * stride, width);
        }
      }
    }
    float scale = (float) (1 / Math.sqrt(n));
    for (int i = 0; i < n; i++) {
      scale(x, offset + i * stride, width, scale);
    }
  }

  private static void butterfly(float[] x, int upper, int lower, int width) {
    int i = 0;
    for (; i + COUNT <= width; i += COUNT) {
      FloatVector a = FloatVector.fromArray(SPECIES, x, upper + i);
      FloatVector b = FloatVector.fromArray(SPECIES, x, lower + i);
      a.add(b).intoArray(x, upper + i);
      a.sub(b).intoArray(x, lower + i);
    }
    for (; i < width; i++) {
      float a = x[upper + i];
      float b = x[lower + i];
      x[upper + i] = a + b;
      x[lower + i] = a - b;
    }
  }

  private static void scale(float[] x, int offset, int width, float scale) {
    for (int i = offset; i < offset + width; i++) {
      x[i] *= scale;
    }
  }
}
