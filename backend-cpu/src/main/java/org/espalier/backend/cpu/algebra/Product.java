package org.espalier.backend.cpu.algebra;

import static org.espalier.backend.cpu.numeric.Lanes.COUNT;
import static org.espalier.backend.cpu.numeric.Lanes.SPECIES;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.Parallel;
import org.espalier.backend.cpu.numeric.Fused;

/**
 * C = C + A B in panels of columns. The inner dimension is cut into blocks of {@value #DEPTH}; over
 * one block an entry is a chain of fused multiply–adds in order, and the block's sum is added to C.
 * So an entry depends on its row of A and its column of B only, not on where panels begin.
 */
final class Product {
  private static final int WIDTH = 2 * COUNT;
  private static final int DEPTH = 256;
  private static final int ROWS = 4;

  private Product() {}

  static void add(FloatMatrix a, FloatMatrix b, FloatMatrix c, Parallel parallel) {
    parallel.run(
        Math.ceilDiv(c.columns(), WIDTH),
        panel -> panel(a.values(), a.offset(), a.stride(), 1, b, c, 0, panel * WIDTH));
  }

  static void addGram(FloatMatrix x, FloatMatrix g, Parallel parallel) {
    parallel.run(
        Math.ceilDiv(g.columns(), WIDTH),
        panel -> {
          // Rows of the panel above the diagonal block are not wanted.
          int column = panel * WIDTH;
          panel(x.values(), x.offset(), 1, x.stride(), x, g, column, column);
        });
  }

  /**
   * One panel of C.
   *
   * @param a entry (i, k) of A at {@code aOffset + i · aRow + k · aInner}
   * @param fromRow first row of A and C
   * @param fromColumn first column of the panel
   */
  private static void panel(
      float[] a,
      int aOffset,
      int aRow,
      int aInner,
      FloatMatrix b,
      FloatMatrix c,
      int fromRow,
      int fromColumn) {
    int width = Math.min(WIDTH, c.columns() - fromColumn);
    float[] packed = new float[Math.min(DEPTH, b.rows()) * WIDTH];
    float[] sums = new float[ROWS * WIDTH];
    for (int k = 0; k < b.rows(); k += DEPTH) {
      int depth = Math.min(DEPTH, b.rows() - k);
      pack(b, k, depth, fromColumn, width, packed);
      for (int i = fromRow; i < c.rows(); i += ROWS) {
        int rows = Math.min(ROWS, c.rows() - i);
        int at = aOffset + i * aRow + k * aInner;
        if (rows == ROWS) {
          fourRows(a, at, aRow, aInner, packed, depth, sums);
        } else {
          for (int r = 0; r < rows; r++) {
            oneRow(a, at + r * aRow, aInner, packed, depth, sums, r * WIDTH);
          }
        }
        for (int r = 0; r < rows; r++) {
          addRow(sums, r * WIDTH, c.values(), c.row(i + r) + fromColumn, width);
        }
      }
    }
  }

  private static void pack(
      FloatMatrix b, int fromRow, int depth, int fromColumn, int width, float[] packed) {
    for (int k = 0; k < depth; k++) {
      System.arraycopy(b.values(), b.row(fromRow + k) + fromColumn, packed, k * WIDTH, width);
      Arrays.fill(packed, k * WIDTH + width, (k + 1) * WIDTH, 0);
    }
  }

  private static void addRow(float[] sums, int from, float[] c, int to, int width) {
    if (width == WIDTH) {
      for (int j = 0; j < WIDTH; j += COUNT) {
        FloatVector.fromArray(SPECIES, c, to + j)
            .add(FloatVector.fromArray(SPECIES, sums, from + j))
            .intoArray(c, to + j);
      }
    } else {
      for (int j = 0; j < width; j++) {
        c[to + j] += sums[from + j];
      }
    }
  }

  private static void fourRows(
      float[] a, int at, int aRow, int aInner, float[] packed, int depth, float[] sums) {
    FloatVector s00 = FloatVector.zero(SPECIES);
    FloatVector s01 = s00;
    FloatVector s10 = s00;
    FloatVector s11 = s00;
    FloatVector s20 = s00;
    FloatVector s21 = s00;
    FloatVector s30 = s00;
    FloatVector s31 = s00;
    for (int k = 0; k < depth; k++) {
      FloatVector b0 = FloatVector.fromArray(SPECIES, packed, k * WIDTH);
      FloatVector b1 = FloatVector.fromArray(SPECIES, packed, k * WIDTH + COUNT);
      int ak = at + k * aInner;
      FloatVector a0 = FloatVector.broadcast(SPECIES, a[ak]);
      s00 = Fused.multiplyAdd(a0, b0, s00);
      s01 = Fused.multiplyAdd(a0, b1, s01);
      FloatVector a1 = FloatVector.broadcast(SPECIES, a[ak + aRow]);
      s10 = Fused.multiplyAdd(a1, b0, s10);
      s11 = Fused.multiplyAdd(a1, b1, s11);
      FloatVector a2 = FloatVector.broadcast(SPECIES, a[ak + 2 * aRow]);
      s20 = Fused.multiplyAdd(a2, b0, s20);
      s21 = Fused.multiplyAdd(a2, b1, s21);
      FloatVector a3 = FloatVector.broadcast(SPECIES, a[ak + 3 * aRow]);
      s30 = Fused.multiplyAdd(a3, b0, s30);
      s31 = Fused.multiplyAdd(a3, b1, s31);
    }
    s00.intoArray(sums, 0);
    s01.intoArray(sums, COUNT);
    s10.intoArray(sums, WIDTH);
    s11.intoArray(sums, WIDTH + COUNT);
    s20.intoArray(sums, 2 * WIDTH);
    s21.intoArray(sums, 2 * WIDTH + COUNT);
    s30.intoArray(sums, 3 * WIDTH);
    s31.intoArray(sums, 3 * WIDTH + COUNT);
  }

  private static void oneRow(
      float[] a, int at, int aInner, float[] packed, int depth, float[] sums, int to) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    for (int k = 0; k < depth; k++) {
      FloatVector v = FloatVector.broadcast(SPECIES, a[at + k * aInner]);
      s0 = Fused.multiplyAdd(v, FloatVector.fromArray(SPECIES, packed, k * WIDTH), s0);
      s1 = Fused.multiplyAdd(v, FloatVector.fromArray(SPECIES, packed, k * WIDTH + COUNT), s1);
    }
    s0.intoArray(sums, to);
    s1.intoArray(sums, to + COUNT);
  }
}
