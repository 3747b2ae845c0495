package org.espalier.testkit.reference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.MemorySegment;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.model.Norm;
import org.espalier.api.model.Rope;
import org.espalier.api.model.Stage;
import org.espalier.api.tensor.ElementType;
import org.espalier.testkit.fixture.RandomWeights;
import org.espalier.testkit.number.Elements;
import org.junit.jupiter.api.Test;

/** The small parts of stages against numbers worked out by hand. */
class StagePartsTest {

  @Test
  void normDividesByTheRootOfTheMeanSquareWithEpsilonInside() {
    MemorySegment weights = MemorySegment.ofArray(new byte[8]);
    Elements.write(weights, ElementType.F32, 0, 2);
    Elements.write(weights, ElementType.F32, 1, -1);
    // mean(x²) + ε = (1 + 49) / 2 + 11 = 36.
    double[] y = new RootMeanSquare(new Norm(weights, 11)).apply(new double[] {1, 7});
    assertArrayEquals(new double[] {2.0 / 6, -7.0 / 6}, y, 1e-15);
  }

  @Test
  void ropeTurnsPairsHalfAHeadApart() {
    // Two heads of 5 elements, of which 4 turn: pairs (0, 2) by 3 and (1, 3) by 3 / √100.
    double[] heads = {1, 1, 0, 0, 9, 0, 0, 1, 1, 9};
    new RotaryEmbedding(new Rope(4, 100), 5).turn(heads, 3);
    double fast = 3;
    double slow = 0.3;
    double[] expected = {
      Math.cos(fast), Math.cos(slow), Math.sin(fast), Math.sin(slow), 9,
      -Math.sin(fast), -Math.sin(slow), Math.cos(fast), Math.cos(slow), 9
    };
    assertArrayEquals(expected, heads, 1e-15);
  }

  @Test
  void softmaxDoesNotOverflow() {
    double[] weights =
        Softmax.of(new double[] {1000, 1000 + Math.log(3), Double.NEGATIVE_INFINITY});
    assertArrayEquals(new double[] {0.25, 0.75, 0}, weights, 1e-12);
  }

  @Test
  void routingPrefersTheLowerIndexAmongEquals() {
    Routing routing = Routing.of(mixture(3, false, 1), new double[] {1, 2, 2, 2, 2});
    assertArrayEquals(new int[] {1, 2, 3}, routing.experts());
    assertEquals(-1, routing.indexOf(4));
    assertEquals(2, routing.indexOf(3));
  }

  @Test
  void routingDistinguishesScoresWhoseProbabilitiesRoundToOne() {
    double[] scores = {0, Math.ulp(1.0), 2 * Math.ulp(1.0), -50, -50};
    assertArrayEquals(new int[] {2, 1}, Routing.of(mixture(2, false, 1), scores).experts());
  }

  @Test
  void routingWeightsAreProbabilitiesOverAllExperts() {
    double[] scores = {Math.log(1), Math.log(4), Math.log(2), Math.log(1), Math.log(2)};
    double[] plain = Routing.of(mixture(2, false, 1), scores).weights();
    assertArrayEquals(new double[] {0.4, 0.2}, plain, 1e-15);
    double[] scaled = Routing.of(mixture(2, true, 3), scores).weights();
    assertArrayEquals(new double[] {2, 1}, scaled, 1e-15);
  }

  @Test
  void gatedIsSiluTimesUp() {
    double[] hidden = Vectors.gated(new double[] {0, Math.log(3), -800}, new double[] {5, 2, 1});
    assertArrayEquals(new double[] {0, Math.log(3) * 0.75 * 2, 0}, hidden, 1e-15);
  }

  /** A stage of which only the routing matters; it has five experts. */
  private static Stage.MixtureOfExperts mixture(int used, boolean normalised, float scale) {
    RandomWeights weights = new RandomWeights(1);
    var router =
        weights.dense(new OperatorId(0, Role.ROUTER), new LinearShape(1, 5, 1), ElementType.F32, 1);
    return new Stage.MixtureOfExperts(
        0, weights.norm(1), router, router, router, router, used, normalised, scale);
  }
}
