package org.espalier.runtime.quantisation.calibration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import java.util.Random;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.Parallel;
import org.espalier.api.model.ActivationSite;
import org.espalier.backend.cpu.algebra.CpuLinearAlgebra;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SecondMomentsTest {
  private static final ActivationSite SEEN = new ActivationSite.ExpertInput(0, 1);
  private static final ActivationSite UNSEEN = new ActivationSite.ExpertInput(0, 2);
  private static final ActivationSite UNWANTED = new ActivationSite.AttentionInput(0);

  /** Rows come in uneven portions, from the middle of a larger array. */
  @ParameterizedTest
  @CsvSource({"1, 1", "5, 3", "33, 17", "64, 200"})
  void meansOfOuterProducts(int width, int rows) {
    float[] values = new float[3 + rows * width];
    Random random = new Random(6);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    SecondMoments moments =
        new SecondMoments(Map.of(SEEN, width), false, new CpuLinearAlgebra(), Parallel.SERIAL);
    for (int first = 0, count = 1; first < rows; first += count, count = 2 * count + 1) {
      int now = Math.min(count, rows - first);
      moments.rows(SEEN, values, 3 + first * width, now, width, new float[0]);
      moments.rows(SEEN, values, 0, 0, width, new float[0]);
    }
    Hessian mean = moments.means().get(SEEN);
    assertEquals(rows, mean.tokens());
    FloatMatrix matrix = mean.matrix();
    for (int i = 0; i < width; i++) {
      for (int j = 0; j < width; j++) {
        double sum = 0;
        for (int row = 0; row < rows; row++) {
          int at = 3 + row * width;
          sum += (double) values[at + i] * values[at + j];
        }
        assertEquals(sum / rows, matrix.get(i, j), 1e-5);
        assertEquals(matrix.get(i, j), matrix.get(j, i));
      }
    }
  }

  @Test
  void onlyWhatIsWantedAndZerosWhereNothingCame() {
    SecondMoments moments =
        new SecondMoments(
            Map.of(SEEN, 2, UNSEEN, 2), false, new CpuLinearAlgebra(), Parallel.SERIAL);
    assertTrue(moments.wants(SEEN));
    assertFalse(moments.wants(UNWANTED));
    assertFalse(moments.wantsRouting());
    moments.rows(UNWANTED, new float[] {1, 2}, 0, 1, 2, new float[0]);
    moments.rows(SEEN, new float[] {1, 2}, 0, 1, 2, new float[0]);
    Map<ActivationSite, Hessian> means = moments.means();
    assertEquals(2, means.size());
    assertEquals(0, means.get(UNSEEN).tokens());
    assertEquals(0, means.get(UNSEEN).matrix().get(1, 1));
    assertEquals(4, means.get(SEEN).matrix().get(1, 1));
  }
}
