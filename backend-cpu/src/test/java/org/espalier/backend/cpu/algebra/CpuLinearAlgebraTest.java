package org.espalier.backend.cpu.algebra;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import java.util.stream.IntStream;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CpuLinearAlgebraTest {
  private static final Parallel MANY_THREADS =
      (count, task) -> IntStream.range(0, count).parallel().forEach(task::run);

  private final LinearAlgebra algebra = new CpuLinearAlgebra();

  @ParameterizedTest
  @CsvSource({
    "1,1,1",
    "4,32,7",
    "16,64,128",
    "5,33,17",
    "64,100,300",
    "3,257,513",
    "128,31,256",
    "7,5,0"
  })
  void product(int m, int n, int k) {
    Random random = new Random(m * 31L + n * 7 + k);
    FloatMatrix a = gaussian(random, m, k, 2);
    FloatMatrix b = gaussian(random, k, n, 3);
    FloatMatrix c = gaussian(random, m, n, 5);
    FloatMatrix expectedFrom = copy(c);
    FloatMatrix again = copy(c);
    algebra.addProduct(a, b, c, Parallel.SERIAL);
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < n; j++) {
        double sum = expectedFrom.get(i, j);
        for (int t = 0; t < k; t++) {
          sum += (double) a.get(i, t) * b.get(t, j);
        }
        assertEquals(sum, c.get(i, j), 2e-6 * (1 + k));
      }
    }
    assertUntouchedOutside(expectedFrom, c);
    algebra.addProduct(a, b, again, MANY_THREADS);
    assertArrayEquals(c.values(), again.values());
  }

  @Test
  void anEntryDoesNotDependOnItsNeighbours() {
    Random random = new Random(8);
    FloatMatrix a = gaussian(random, 37, 300, 0);
    FloatMatrix b = gaussian(random, 300, 77, 0);
    FloatMatrix whole = FloatMatrix.zeros(37, 77);
    algebra.addProduct(a, b, whole, Parallel.SERIAL);
    FloatMatrix pieces = FloatMatrix.zeros(37, 77);
    for (int row = 0; row < 37; row += 5) {
      int rows = Math.min(5, 37 - row);
      for (int column = 0; column < 77; column += 13) {
        int columns = Math.min(13, 77 - column);
        algebra.addProduct(
            a.rows(row, rows),
            b.part(0, 300, column, columns),
            pieces.part(row, rows, column, columns),
            Parallel.SERIAL);
      }
    }
    assertArrayEquals(whole.values(), pieces.values());
  }

  @ParameterizedTest
  @CsvSource({"1,1", "10,3", "300,64", "17,100", "64,33", "0,5"})
  void gram(int rows, int n) {
    Random random = new Random(rows * 31L + n);
    FloatMatrix x = gaussian(random, rows, n, 3);
    FloatMatrix g = gaussian(random, n, n, 2);
    FloatMatrix before = copy(g);
    FloatMatrix again = copy(g);
    algebra.addGram(x, g, Parallel.SERIAL);
    algebra.mirror(g, Parallel.SERIAL);
    for (int i = 0; i < n; i++) {
      for (int j = 0; j <= i; j++) {
        double sum = before.get(i, j);
        for (int t = 0; t < rows; t++) {
          sum += (double) x.get(t, i) * x.get(t, j);
        }
        assertEquals(sum, g.get(i, j), 2e-6 * (1 + rows));
        assertEquals(g.get(i, j), g.get(j, i));
      }
    }
    assertUntouchedOutside(before, g);
    algebra.addGram(x, again, MANY_THREADS);
    algebra.mirror(again, MANY_THREADS);
    assertArrayEquals(g.values(), again.values());
  }

  @ParameterizedTest
  @CsvSource({"1,1", "16,64", "64,16", "128,256", "2,512", "256,2", "32,128"})
  void transforms(int rows, int columns) {
    Random random = new Random(rows * 31L + columns);
    FloatMatrix matrix = gaussian(random, rows, columns, 3);
    FloatMatrix byRows = copy(matrix);
    algebra.transformRows(byRows, MANY_THREADS);
    FloatMatrix byColumns = copy(matrix);
    algebra.transformColumns(byColumns, MANY_THREADS);
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        double alongRow = 0;
        for (int k = 0; k < columns; k++) {
          alongRow += sign(j, k) * matrix.get(i, k);
        }
        assertEquals(alongRow / Math.sqrt(columns), byRows.get(i, j), 3e-6);
        double alongColumn = 0;
        for (int k = 0; k < rows; k++) {
          alongColumn += sign(i, k) * matrix.get(k, j);
        }
        assertEquals(alongColumn / Math.sqrt(rows), byColumns.get(i, j), 3e-6);
      }
    }
    assertUntouchedOutside(matrix, byRows);
    assertUntouchedOutside(matrix, byColumns);
  }

  @Test
  void transformsOfOddWidthAndHeight() {
    Random random = new Random(9);
    FloatMatrix matrix = gaussian(random, 7, 64, 1);
    FloatMatrix twice = copy(matrix);
    algebra.transformRows(twice, Parallel.SERIAL);
    algebra.transformRows(twice, Parallel.SERIAL);
    assertArrayEquals(matrix.values(), twice.values(), 2e-6f);
    FloatMatrix tall = gaussian(random, 64, 71, 1);
    twice = copy(tall);
    algebra.transformColumns(twice, Parallel.SERIAL);
    algebra.transformColumns(twice, Parallel.SERIAL);
    assertArrayEquals(tall.values(), twice.values(), 2e-6f);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5, 16, 63, 64, 65, 100, 128, 193, 300})
  void cholesky(int n) {
    double[] h = positiveDefinite(n, n);
    double[] c = h.clone();
    assertEquals(-1, algebra.cholesky(c, n, Parallel.SERIAL));
    double[] plain = plainCholesky(h, n);
    for (int i = 0; i < n; i++) {
      for (int j = 0; j <= i; j++) {
        assertEquals(plain[i * n + j], c[i * n + j], 1e-9 * n);
      }
      for (int j = i + 1; j < n; j++) {
        assertEquals(h[i * n + j], c[i * n + j], "written above the diagonal");
      }
    }
    double[] again = h.clone();
    algebra.cholesky(again, n, MANY_THREADS);
    assertArrayEquals(c, again);
  }

  @ParameterizedTest
  @CsvSource({"1,0", "70,0", "70,3", "70,69", "200,130"})
  void choleskyOfWhatIsNotPositiveDefinite(int n, int row) {
    double[] h = positiveDefinite(n, 4);
    h[row * n + row] = -1;
    assertEquals(row, algebra.cholesky(h, n, MANY_THREADS));
    h = positiveDefinite(n, 4);
    h[row * n + row] = Double.NaN;
    assertEquals(row, algebra.cholesky(h, n, MANY_THREADS));
  }

  @Test
  void shapesThatDoNotFit() {
    FloatMatrix a = FloatMatrix.zeros(2, 3);
    FloatMatrix b = FloatMatrix.zeros(4, 5);
    assertThrows(
        IllegalArgumentException.class,
        () -> algebra.addProduct(a, b, FloatMatrix.zeros(2, 5), Parallel.SERIAL));
    assertThrows(IllegalArgumentException.class, () -> algebra.transformRows(a, Parallel.SERIAL));
    assertThrows(IllegalArgumentException.class, () -> algebra.addGram(a, b, Parallel.SERIAL));
    assertThrows(
        IllegalArgumentException.class, () -> algebra.cholesky(new double[3], 2, Parallel.SERIAL));
  }

  private static int sign(int i, int j) {
    return Integer.bitCount(i & j) % 2 == 0 ? 1 : -1;
  }

  /** A rectangle in a larger array, so that what lies around it can be watched. */
  private static FloatMatrix gaussian(Random random, int rows, int columns, int margin) {
    int stride = columns + margin;
    float[] values = new float[margin + rows * stride + margin];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return new FloatMatrix(values, margin, rows, columns, stride);
  }

  private static FloatMatrix copy(FloatMatrix m) {
    return new FloatMatrix(m.values().clone(), m.offset(), m.rows(), m.columns(), m.stride());
  }

  private static void assertUntouchedOutside(FloatMatrix before, FloatMatrix after) {
    for (int i = 0; i < before.values().length; i++) {
      int from = i - before.offset();
      boolean inside =
          from >= 0
              && from / before.stride() < before.rows()
              && from % before.stride() < before.columns();
      if (!inside) {
        assertEquals(before.values()[i], after.values()[i], "outside the matrix, at " + i);
      }
    }
  }

  private static double[] positiveDefinite(int n, long seed) {
    Random random = new Random(seed);
    double[] x = new double[(n + 5) * n];
    for (int i = 0; i < x.length; i++) {
      x[i] = random.nextGaussian();
    }
    double[] h = new double[n * n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        for (int t = 0; t < n + 5; t++) {
          h[i * n + j] += x[t * n + i] * x[t * n + j];
        }
      }
      h[i * n + i] += 1;
    }
    return h;
  }

  private static double[] plainCholesky(double[] h, int n) {
    double[] c = new double[n * n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j <= i; j++) {
        double sum = h[i * n + j];
        for (int k = 0; k < j; k++) {
          sum -= c[i * n + k] * c[j * n + k];
        }
        c[i * n + j] = i == j ? Math.sqrt(sum) : sum / c[j * n + j];
      }
      assertTrue(c[i * n + i] > 0);
    }
    return c;
  }
}
