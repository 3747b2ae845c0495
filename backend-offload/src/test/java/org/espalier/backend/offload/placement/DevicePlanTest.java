package org.espalier.backend.offload.placement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.espalier.api.EspalierException.MalformedData;
import org.espalier.api.model.Stage;
import org.espalier.testkit.fixture.PlanBuilder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DevicePlanTest {
  private final List<Stage.MixtureOfExperts> layers =
      PlanBuilder.seeded(3).layers(3).experts(8, 2, 8).build().stages().stream()
          .filter(Stage.MixtureOfExperts.class::isInstance)
          .map(Stage.MixtureOfExperts.class::cast)
          .toList();

  /** Gate, up and down of 8 × 16 floats each. */
  private static final long EXPERT = 3 * 8 * 16 * 4;

  @Test
  void givesEveryLayerItsShareAsLongAsNothingIsKnown() {
    DevicePlan plan = DevicePlan.of(layers, new UseCounts(), 7 * EXPERT + 5);
    assertEquals(7, plan.near().size());
    assertEquals(7 * EXPERT, plan.nearBytes());
    assertEquals(17 * EXPERT, plan.farBytes());
    for (int layer = 0; layer < 3; layer++) {
      assertTrue(plan.isNear(layer, 0) && plan.isNear(layer, 1));
    }
    assertTrue(plan.isNear(0, 2));
    assertEquals(7.0 / 24, plan.nearShare());
  }

  @Test
  void keepsWhatIsUsedMost() {
    UseCounts uses = new UseCounts();
    for (int i = 0; i < 60; i++) {
      uses.add(1, 5, 1);
      uses.add(i % 3, 7, 1);
      uses.add(2, i % 8, 1);
    }
    DevicePlan plan = DevicePlan.of(layers, uses, 4 * EXPERT);
    assertTrue(plan.isNear(1, 5));
    assertTrue(plan.isNear(0, 7) && plan.isNear(1, 7) && plan.isNear(2, 7));
    assertFalse(plan.isNear(2, 0));
    // 60 of the one, 3 · 20 of the seventh, and 7 of the last eight.
    assertEquals((60 + 60 + 7) / 180.0, plan.nearShare(), 1e-9);
  }

  @Test
  void hasRoomForAllOrNone() {
    assertEquals(24, DevicePlan.of(layers, new UseCounts(), Long.MAX_VALUE).near().size());
    DevicePlan none = DevicePlan.of(layers, new UseCounts(), EXPERT - 1);
    assertEquals(0, none.near().size());
    assertEquals(0, none.nearShare());
  }

  @Test
  void countsFromRunToRun(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("profile");
    UseCounts counts = UseCounts.read(file);
    counts.add(3, 63, 1);
    counts.add(3, 63, 1);
    counts.add(0, 0, 1);
    counts.write(file);
    UseCounts again = UseCounts.read(file);
    again.add(3, 63, 1);
    again.write(file);
    UseCounts third = UseCounts.read(file);
    assertEquals(3, third.of(3, 63));
    assertEquals(1, third.of(0, 0));
    assertEquals(0, third.of(0, 1));
    assertEquals(0, third.of(9, 999));
    Files.writeString(file, "1 2 three\n");
    MalformedData failure = assertThrows(MalformedData.class, () -> UseCounts.read(file));
    assertTrue(failure.getMessage().startsWith("line 1 of "), failure.getMessage());
  }

  /** The arithmetic that was predicted for one expert of OLMoE on three links. */
  @Test
  void comparesCarryingWithComputing() {
    long expert = 1_671_168;
    LinkCosts narrow = new LinkCosts(expert, 13e9, 58e-6, 25e-6);
    LinkCosts wide = new LinkCosts(expert, 25e9, 58e-6, 25e-6);
    LinkCosts slowCpu = new LinkCosts(expert, 13e9, 150e-6, 25e-6);
    assertEquals(128e-6, narrow.carried(1), 2e-6);
    assertEquals(67e-6, wide.carried(1), 1e-6);
    assertTrue(narrow.prefersCpu(8, 8), "8 fast cores beat a narrow link when all is missed");
    assertFalse(narrow.prefersCpu(8, 3), "but not when little is missed");
    assertTrue(wide.prefersCpu(8, 8));
    assertFalse(wide.prefersCpu(8, 7), "and nearly tie with a wide one");
    assertFalse(slowCpu.prefersCpu(8, 8));
    assertFalse(LinkCosts.prefersCopy(1.0), "reading in place carries the same bytes");
    assertTrue(LinkCosts.prefersCopy(1.5), "unless it reads them more than once");
  }

  /** OLMoE, 1 GiB for experts of 1.67 MB: 642 of 1,024 fit, unless some layers leave. */
  @Test
  void leavesLayersToTheCpuWhereThatPays() {
    long expert = 1_671_168;
    double fit = (1L << 30) / (double) expert;
    LinkCosts.NearShare share = from -> Math.min(1, fit / (64 * (16 - from)));
    LinkCosts narrow = new LinkCosts(expert, 13e9, 58e-6, 25e-6);
    assertEquals(6.13e-3, narrow.token(16, 8, 0, share), 5e-5);
    assertEquals(6, narrow.layersForCpu(16, 8, share), "as few as let the rest fit");
    assertEquals(2.93e-3, narrow.token(16, 8, 6, share), 5e-5);
    assertEquals(0, new LinkCosts(expert, 25e9, 58e-6, 25e-6).layersForCpu(16, 8, share));
    assertEquals(0, new LinkCosts(expert, 13e9, 150e-6, 25e-6).layersForCpu(16, 8, share));
    assertEquals(16, narrow.layersForCpu(16, 8, _ -> 0));
    assertEquals(0, narrow.layersForCpu(16, 8, _ -> 1));
  }
}
