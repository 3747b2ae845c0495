package org.espalier.runtime.quantisation.calibration;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.Parallel;
import org.espalier.api.model.ActivationSite;
import org.espalier.backend.cpu.algebra.CpuLinearAlgebra;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Hessians of experts against their definitions. */
class ExpertMomentsTest {
  private static final ActivationSite EXPERT = new ActivationSite.ExpertInput(0, 0);
  private static final ActivationSite OTHER = new ActivationSite.ExpertInput(0, 1);
  private static final ActivationSite ATTENTION = new ActivationSite.AttentionInput(0);
  private static final int WIDTH = 7;

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void rowsCountByTheSquaresOfTheirGates(boolean gated) {
    SecondMoments moments =
        new SecondMoments(
            Map.of(EXPERT, WIDTH, ATTENTION, WIDTH),
            gated,
            new CpuLinearAlgebra(),
            Parallel.SERIAL);
    Random random = new Random(1);
    double[] expected = new double[WIDTH * WIDTH];
    double[] plain = new double[WIDTH * WIDTH];
    double weight = 0;
    for (int call = 0; call < 3; call++) {
      int count = 5 + call;
      float[] values = new float[2 + count * WIDTH];
      float[] gates = new float[count];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) random.nextGaussian();
      }
      for (int row = 0; row < count; row++) {
        gates[row] = random.nextFloat();
        double share = gated ? (double) gates[row] * gates[row] : 1;
        weight += share;
        for (int i = 0; i < WIDTH * WIDTH; i++) {
          double product =
              (double) values[2 + row * WIDTH + i / WIDTH] * values[2 + row * WIDTH + i % WIDTH];
          expected[i] += share * product;
          plain[i] += product;
        }
      }
      moments.rows(EXPERT, values, 2, count, WIDTH, gates);
      moments.rows(ATTENTION, values, 2, count, WIDTH, new float[0]);
    }
    Map<ActivationSite, Hessian> means = moments.means();
    assertEquals(18, means.get(EXPERT).tokens());
    for (int i = 0; i < WIDTH * WIDTH; i++) {
      assertEquals(expected[i] / weight, means.get(EXPERT).matrix().values()[i], 1e-5);
      assertEquals(plain[i] / 18, means.get(ATTENTION).matrix().values()[i], 1e-5);
    }
  }

  @Test
  void shrinkageMixesInTheLayersMean() {
    Map<ActivationSite, Hessian> hessians = new LinkedHashMap<>();
    hessians.put(EXPERT, new Hessian(FloatMatrix.of(new float[] {4, 1, 1, 2}, 2, 2), 30));
    hessians.put(OTHER, new Hessian(FloatMatrix.of(new float[] {8, 0, 0, 6}, 2, 2), 10));
    ExpertHessians.apply(hessians, HessianPolicy.PER_EXPERT, 20);
    // The layer's mean, by tokens, is (5, 0.75; 0.75, 3).
    float[] own = hessians.get(EXPERT).matrix().values();
    assertEquals((30 * 4 + 20 * 5) / 50.0, own[0], 1e-6);
    assertEquals((30 * 1 + 20 * 0.75) / 50.0, own[1], 1e-6);
    float[] other = hessians.get(OTHER).matrix().values();
    assertEquals((10 * 6 + 20 * 3) / 30.0, other[3], 1e-6);
    assertEquals(10, hessians.get(OTHER).tokens());
  }
}
