package org.espalier.backend.offload.residency;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.OptionalLong;
import java.util.Random;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.HostRows;
import org.espalier.api.backend.Observer;
import org.espalier.api.backend.Precision;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.model.ActivationSite;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;
import org.espalier.api.tensor.ElementType;
import org.espalier.testkit.fixture.PlanFixture;
import org.espalier.testkit.fixture.PlanFixtures;
import org.espalier.testkit.reference.ReferenceBackend;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ForesightTest {
  static Stream<PlanFixture> fixtures() {
    return PlanFixtures.all().stream()
        .filter(fixture -> !fixture.name().contains("all experts equal"));
  }

  /**
   * Asked about the very rows that enter a layer, it must name just the experts that are chosen.
   */
  @ParameterizedTest
  @MethodSource("fixtures")
  void knowsWhatTheLayerItselfWouldChoose(PlanFixture fixture) {
    ModelPlan plan = fixture.plan();
    int at =
        IntStream.range(0, plan.stages().size())
            .filter(i -> plan.stages().get(i) instanceof Stage.MixtureOfExperts)
            .findFirst()
            .orElseThrow();
    Stage.MixtureOfExperts stage = (Stage.MixtureOfExperts) plan.stages().get(at);
    float[] values = new float[5 * plan.width()];
    Random random = new Random(9);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    HostRows rows = new HostRows(values, 0, 5, plan.width());
    TreeSet<Integer> chosen = new TreeSet<>();
    Observer observer =
        new Observer() {
          @Override
          public boolean wants(ActivationSite site) {
            return false;
          }

          @Override
          public boolean wantsRouting() {
            return true;
          }

          @Override
          public void routed(int layer, int row, int[] experts, float[] weights) {
            Arrays.stream(experts).forEach(chosen::add);
          }
        };
    try (ReferenceBackend backend = ReferenceBackend.create();
        Session session =
            backend
                .compile(
                    plan.slice(at, at + 1),
                    new CompileOptions(Precision.EXACT, 5, OptionalLong.empty(), observer))
                .orElseThrow(Unsupported::new)
                .open(new SessionOptions(5, ElementType.F32))) {
      session.forward(rows, 0);
    }
    int[] likely = Foresight.of(stage).orElseThrow().likely(rows);
    assertEquals(likely.length, Arrays.stream(likely).distinct().count());
    Arrays.sort(likely);
    assertArrayEquals(chosen.stream().mapToInt(Integer::intValue).toArray(), likely);
  }
}
