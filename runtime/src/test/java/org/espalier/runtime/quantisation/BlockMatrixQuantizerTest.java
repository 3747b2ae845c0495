package org.espalier.runtime.quantisation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.codec.BlockQuantizer;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.tensor.StorageType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BlockMatrixQuantizerTest {
  private static final int SIZE = 4;
  private static final float STEP = 0.25f;

  private final Random random = new Random(4);
  private final List<double[]> metrics = new ArrayList<>();

  /** Rounds to multiples of a step, a byte each, and remembers what it was asked for. */
  private final BlockQuantizer steps =
      new BlockQuantizer() {
        @Override
        public String name() {
          return "steps";
        }

        @Override
        public StorageType type() {
          return new StorageType.Block("test", 1, "steps");
        }

        @Override
        public int size() {
          return SIZE;
        }

        @Override
        public int bytes() {
          return SIZE;
        }

        @Override
        public Rounding rounding(double[] metric) {
          metrics.add(metric);
          return (targets, offset, block, at, values) -> {
            for (int i = 0; i < SIZE; i++) {
              block[at + i] = (byte) Math.round(targets[offset + i] / STEP);
              values[offset + i] = block[at + i] * STEP;
            }
          };
        }
      };

  private FloatMatrix gaussian(int rows, int columns) {
    FloatMatrix matrix = FloatMatrix.zeros(rows, columns);
    for (int i = 0; i < matrix.values().length; i++) {
      matrix.values()[i] = (float) random.nextGaussian();
    }
    return matrix;
  }

  /** The second moment of rows whose entries resemble each other. */
  private FloatMatrix moment(int n) {
    FloatMatrix rows = gaussian(3 * n, n);
    FloatMatrix moment = FloatMatrix.zeros(n, n);
    for (int t = 0; t < rows.rows(); t++) {
      float common = (float) random.nextGaussian();
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
          moment.values()[i * n + j] +=
              (rows.get(t, i) + 2 * common) * (rows.get(t, j) + 2 * common) / rows.rows();
        }
      }
    }
    return moment;
  }

  private QuantizedMatrix quantize(FloatMatrix w, FloatMatrix h, Optional<FloatMatrix> g) {
    return new BlockMatrixQuantizer(steps, new PlainAlgebra())
        .quantize("w", w, new BlockMatrixQuantizer.Moments(h, 0.01, g, 0.1));
  }

  /** Every target from all errors so far, by full products: (I + A)ᵀ E (I + B). */
  @ParameterizedTest
  @CsvSource({"1, 4, false", "3, 4, true", "5, 12, true", "7, 40, false", "6, 32, true"})
  void equalsLdlqAsItIsWrittenDown(int m, int n, boolean outputsCount) {
    FloatMatrix w = gaussian(m, n);
    FloatMatrix h = moment(n);
    Optional<FloatMatrix> g = outputsCount ? Optional.of(moment(m)) : Optional.empty();
    QuantizedMatrix actual = quantize(w, h, g);

    double[][] within = ReferenceLdlq.blockFactor(doubles(h), 0.01, SIZE);
    double[][] across =
        g.map(o -> ReferenceLdlq.blockFactor(doubles(o), 0.1, 1)).orElse(new double[m][m]);
    byte[] codes = new byte[m * n];
    double[][] errors = new double[m][n];
    for (int row = m - 1; row >= 0; row--) {
      for (int first = n - SIZE; first >= 0; first -= SIZE) {
        double[] aims = new double[SIZE];
        for (int j = first; j < first + SIZE; j++) {
          aims[j - first] = w.get(row, j) + asked(errors, within, across, row, j, first + SIZE);
        }
        for (int j = first; j < first + SIZE; j++) {
          codes[row * n + j] = (byte) Math.round(aims[j - first] / STEP);
          errors[row][j] = w.get(row, j) - codes[row * n + j] * STEP;
        }
      }
    }
    assertArrayEquals(codes, actual.codes());
    assertEquals(1, actual.scale());
    assertEquals(trace(errors, doubles(h)) / m, actual.proxyLoss(), 1e-6 * actual.proxyLoss());
    assertEquals(
        trace(doubles(w), doubles(h)) / m, actual.proxyEnergy(), 1e-5 * actual.proxyEnergy());
    assertMetrics(h);
  }

  /** What all errors so far ask of one weight. */
  private static double asked(
      double[][] errors, double[][] within, double[][] across, int row, int j, int from) {
    double sum = 0;
    for (int i = row; i < errors.length; i++) {
      double share = i == row ? 1 : across[i][row];
      sum += i == row ? 0 : share * errors[i][j];
      for (int k = from; k < errors[0].length; k++) {
        sum += share * errors[i][k] * within[k][j];
      }
    }
    return sum;
  }

  /** A block's metric is what elimination of the columns before it leaves of the damped moment. */
  private void assertMetrics(FloatMatrix h) {
    int n = h.columns();
    double[][] rest = doubles(h);
    double trace = 0;
    for (int i = 0; i < n; i++) {
      trace += rest[i][i];
    }
    for (int i = 0; i < n; i++) {
      rest[i][i] += 0.01 * trace / n;
    }
    for (int k = 0; k < n; k++) {
      if (k % SIZE == 0) {
        for (int i = 0; i < SIZE * SIZE; i++) {
          assertEquals(rest[k + i / SIZE][k + i % SIZE], metrics.get(k / SIZE)[i], 1e-6 * trace);
        }
      }
      for (int i = k + 1; i < n; i++) {
        for (int j = k + 1; j < n; j++) {
          rest[i][j] -= rest[i][k] * rest[k][j] / rest[k][k];
        }
      }
    }
    assertEquals(n / SIZE, metrics.size());
  }

  private static double[][] doubles(FloatMatrix x) {
    double[][] rows = new double[x.rows()][x.columns()];
    for (int i = 0; i < x.rows(); i++) {
      for (int j = 0; j < x.columns(); j++) {
        rows[i][j] = x.get(i, j);
      }
    }
    return rows;
  }

  private static double trace(double[][] e, double[][] h) {
    double sum = 0;
    for (double[] row : e) {
      for (int i = 0; i < row.length; i++) {
        for (int j = 0; j < row.length; j++) {
          sum += row[i] * h[i][j] * row[j];
        }
      }
    }
    return sum;
  }

  @Test
  void badInputIsOneSentence() {
    FloatMatrix h = moment(8);
    FloatMatrix w = gaussian(2, 8);
    w.values()[11] = Float.NaN;
    String message =
        assertThrows(MalformedModel.class, () -> quantize(w, h, Optional.empty())).getMessage();
    assertTrue(message.contains("NaN (row 1, column 3)"), message);
    FloatMatrix zero = FloatMatrix.zeros(8, 8);
    assertThrows(InvalidRequest.class, () -> quantize(gaussian(2, 8), zero, Optional.empty()));
    assertThrows(
        IllegalArgumentException.class,
        () -> quantize(gaussian(2, 6), moment(6), Optional.empty()));
  }
}
