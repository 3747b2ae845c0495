package org.espalier.backend.cpu.algebra;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;
import org.espalier.api.math.Parallel;
import org.espalier.backend.cpu.numeric.Fused;

/**
 * H = C Cᵀ in F64, left-looking by blocks of columns: take off what the columns to the left explain
 * (products of rows, in parallel), factor the block on the diagonal, solve for the rows below it
 * (in parallel).
 */
final class Cholesky {
  private static final int BLOCK = 64;
  private static final int ROWS_PER_PIECE = 32;

  /** Columns multiplied at a time, a multiple of {@link #BLOCK}. */
  private static final int DEPTH = 256;

  private static final VectorSpecies<Double> SPECIES = DoubleVector.SPECIES_PREFERRED;
  private static final int LANES = SPECIES.length();
  private static final VectorShuffle<Double> XOR_4 = xor(4);
  private static final VectorShuffle<Double> XOR_2 = xor(2);
  private static final VectorShuffle<Double> XOR_1 = xor(1);

  private Cholesky() {}

  private static VectorShuffle<Double> xor(int bit) {
    return VectorShuffle.fromOp(SPECIES, lane -> bit < LANES ? lane ^ bit : lane);
  }

  static int factor(double[] c, int n, Parallel parallel) {
    for (int first = 0; first < n; first += BLOCK) {
      int from = first;
      int width = Math.min(BLOCK, n - first);
      int below = first + width;
      parallel.run(
          Math.ceilDiv(n - first, ROWS_PER_PIECE),
          piece -> {
            int row = from + piece * ROWS_PER_PIECE;
            update(c, n, row, Math.min(row + ROWS_PER_PIECE, n), from, width);
          });
      int failed = diagonal(c, n, first, width);
      if (failed >= 0) {
        return failed;
      }
      double[] transposed = transposed(c, n, first, width);
      parallel.run(
          Math.ceilDiv(n - below, ROWS_PER_PIECE),
          piece -> {
            int row = below + piece * ROWS_PER_PIECE;
            for (int i = row; i < Math.min(row + ROWS_PER_PIECE, n); i++) {
              solve(c, i * n + from, transposed, width);
            }
          });
    }
    return -1;
  }

  /**
   * Entry (i, j) −= row i · row j over the columns before {@code first}, for j ≤ i. The rows j are
   * copied side by side first: in the matrix, whose side is often a power of two, they would push
   * each other out of the cache.
   */
  private static void update(double[] c, int n, int fromRow, int toRow, int first, int width) {
    double[] packed = new double[BLOCK * DEPTH];
    double[] sums = new double[16];
    for (int k = 0; k < first; k += DEPTH) {
      int depth = Math.min(DEPTH, first - k);
      for (int j = 0; j < width; j++) {
        System.arraycopy(c, (first + j) * n + k, packed, j * DEPTH, depth);
      }
      for (int i = fromRow; i < toRow; i += 4) {
        // Rows beyond the last are taken from before it and not written.
        int top = Math.min(i, n - 4);
        for (int j = 0; j < Math.min(width, i + 4 - first); j += 4) {
          fourByFour(c, top * n + k, n, packed, j * DEPTH, depth, sums);
          subtract(c, n, i, toRow, top, first + j, first + width, sums);
        }
      }
    }
  }

  /** Sixteen products of rows; depths are multiples of {@value #BLOCK}, so there is no rest. */
  private static void fourByFour(
      double[] c, int x0, int n, double[] packed, int y0, int depth, double[] sums) {
    DoubleVector s00 = DoubleVector.zero(SPECIES);
    DoubleVector s01 = s00;
    DoubleVector s02 = s00;
    DoubleVector s03 = s00;
    DoubleVector s10 = s00;
    DoubleVector s11 = s00;
    DoubleVector s12 = s00;
    DoubleVector s13 = s00;
    DoubleVector s20 = s00;
    DoubleVector s21 = s00;
    DoubleVector s22 = s00;
    DoubleVector s23 = s00;
    DoubleVector s30 = s00;
    DoubleVector s31 = s00;
    DoubleVector s32 = s00;
    DoubleVector s33 = s00;
    for (int k = 0; k < depth; k += LANES) {
      DoubleVector a0 = DoubleVector.fromArray(SPECIES, c, x0 + k);
      DoubleVector a1 = DoubleVector.fromArray(SPECIES, c, x0 + n + k);
      DoubleVector a2 = DoubleVector.fromArray(SPECIES, c, x0 + 2 * n + k);
      DoubleVector a3 = DoubleVector.fromArray(SPECIES, c, x0 + 3 * n + k);
      DoubleVector b = DoubleVector.fromArray(SPECIES, packed, y0 + k);
      s00 = Fused.multiplyAdd(a0, b, s00);
      s10 = Fused.multiplyAdd(a1, b, s10);
      s20 = Fused.multiplyAdd(a2, b, s20);
      s30 = Fused.multiplyAdd(a3, b, s30);
      b = DoubleVector.fromArray(SPECIES, packed, y0 + DEPTH + k);
      s01 = Fused.multiplyAdd(a0, b, s01);
      s11 = Fused.multiplyAdd(a1, b, s11);
      s21 = Fused.multiplyAdd(a2, b, s21);
      s31 = Fused.multiplyAdd(a3, b, s31);
      b = DoubleVector.fromArray(SPECIES, packed, y0 + 2 * DEPTH + k);
      s02 = Fused.multiplyAdd(a0, b, s02);
      s12 = Fused.multiplyAdd(a1, b, s12);
      s22 = Fused.multiplyAdd(a2, b, s22);
      s32 = Fused.multiplyAdd(a3, b, s32);
      b = DoubleVector.fromArray(SPECIES, packed, y0 + 3 * DEPTH + k);
      s03 = Fused.multiplyAdd(a0, b, s03);
      s13 = Fused.multiplyAdd(a1, b, s13);
      s23 = Fused.multiplyAdd(a2, b, s23);
      s33 = Fused.multiplyAdd(a3, b, s33);
    }
    sums[0] = sum(s00);
    sums[1] = sum(s01);
    sums[2] = sum(s02);
    sums[3] = sum(s03);
    sums[4] = sum(s10);
    sums[5] = sum(s11);
    sums[6] = sum(s12);
    sums[7] = sum(s13);
    sums[8] = sum(s20);
    sums[9] = sum(s21);
    sums[10] = sum(s22);
    sums[11] = sum(s23);
    sums[12] = sum(s30);
    sums[13] = sum(s31);
    sums[14] = sum(s32);
    sums[15] = sum(s33);
  }

  /** The sum over lanes, in an order that {@code reduceLanes} does not promise. */
  private static double sum(DoubleVector v) {
    DoubleVector sum = v;
    if (LANES > 8) {
      double total = 0;
      for (int lane = 0; lane < LANES; lane++) {
        total += v.lane(lane);
      }
      return total;
    }
    if (LANES >= 8) {
      sum = sum.add(sum.rearrange(XOR_4));
    }
    if (LANES >= 4) {
      sum = sum.add(sum.rearrange(XOR_2));
    }
    if (LANES >= 2) {
      sum = sum.add(sum.rearrange(XOR_1));
    }
    return sum.lane(0);
  }

  /**
   * Takes off what {@link #fourByFour} found.
   *
   * @param i first row wanted
   * @param toRow end of the rows wanted
   * @param top row of the first four sums
   * @param column of the first sum of each four
   * @param toColumn end of the columns wanted
   */
  private static void subtract(
      double[] c, int n, int i, int toRow, int top, int column, int toColumn, double[] sums) {
    for (int row = i; row < Math.min(i + 4, toRow); row++) {
      int end = Math.min(Math.min(column + 4, toColumn), row + 1);
      for (int j = column; j < end; j++) {
        c[row * n + j] -= sums[(row - top) * 4 + j - column];
      }
    }
  }

  /** Factors the block on the diagonal; gives the row that failed, or −1. */
  private static int diagonal(double[] c, int n, int first, int width) {
    for (int j = first; j < first + width; j++) {
      double pivot = c[j * n + j];
      for (int k = first; k < j; k++) {
        pivot -= c[j * n + k] * c[j * n + k];
      }
      if (!(pivot > 0) || pivot == Double.POSITIVE_INFINITY) {
        return j;
      }
      double root = Math.sqrt(pivot);
      c[j * n + j] = root;
      for (int i = j + 1; i < first + width; i++) {
        double entry = c[i * n + j];
        for (int k = first; k < j; k++) {
          entry -= c[i * n + k] * c[j * n + k];
        }
        c[i * n + j] = entry / root;
      }
    }
    return -1;
  }

  /** The block on the diagonal by columns: entry (i, j) at {@code j · BLOCK + i}. */
  private static double[] transposed(double[] c, int n, int first, int width) {
    double[] transposed = new double[BLOCK * BLOCK];
    for (int i = 0; i < width; i++) {
      for (int j = 0; j <= i; j++) {
        transposed[j * BLOCK + i] = c[(first + i) * n + first + j];
      }
    }
    return transposed;
  }

  /** Solves x Tᵀ = row for x, in place: T is the block on the diagonal. */
  private static void solve(double[] c, int at, double[] transposed, int width) {
    double[] x = new double[BLOCK];
    System.arraycopy(c, at, x, 0, width);
    for (int j = 0; j < width; j++) {
      double entry = x[j] / transposed[j * BLOCK + j];
      DoubleVector factor = DoubleVector.broadcast(SPECIES, -entry);
      // Columns left of j in the first vector hold zeros, so finished entries stay as they are.
      for (int k = j - j % LANES; k < BLOCK; k += LANES) {
        Fused.multiplyAdd(
                factor,
                DoubleVector.fromArray(SPECIES, transposed, j * BLOCK + k),
                DoubleVector.fromArray(SPECIES, x, k))
            .intoArray(x, k);
      }
      x[j] = entry;
    }
    System.arraycopy(x, 0, c, at, width);
  }
}
