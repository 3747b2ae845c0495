package org.espalier.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HashSet;
import java.util.Set;
import java.util.stream.Stream;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.Precision;
import org.espalier.api.linear.TileGrid;
import org.espalier.api.model.ModelPlan;
import org.espalier.testkit.fixture.PlanBuilder;
import org.espalier.testkit.fixture.PlanFixture;
import org.espalier.testkit.fixture.PlanFixtures;
import org.espalier.testkit.fixture.WeightEncoding;
import org.espalier.testkit.fixture.WeightEncoding.Turn;
import org.espalier.testkit.reference.ReferenceBackend;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class PlanFixturesTest {
  @TestFactory
  Stream<DynamicTest> fitTogether() {
    return PlanFixtures.all().stream()
        .map(fixture ->
            DynamicTest.dynamicTest(fixture.name(), () -> PlanSanity.assertSane(fixture.plan())));
  }

  @Test
  void haveNamesOfTheirOwn() {
    Set<String> names = new HashSet<>();
    PlanFixtures.all().forEach(fixture -> names.add(fixture.toString()));
    assertEquals(PlanFixtures.all().size(), names.size());
  }

  @Test
  void areTheSameEveryTime() {
    for (int i = 0; i < PlanFixtures.all().size(); i++) {
      PlanFixture first = PlanFixtures.all().get(i);
      PlanFixture second = PlanFixtures.all().get(i);
      Agreement.assertSame(logits(first.plan()), logits(second.plan()), first.name());
    }
  }

  @Test
  void refuseTilesThatDoNotFit() {
    WeightEncoding tiles = new WeightEncoding.Tiles(new TileGrid(5, 5), Turn.NONE, Turn.NONE);
    PlanBuilder builder = PlanBuilder.seeded(1).width(16).encodeAttention(tiles);
    assertThrows(IllegalArgumentException.class, builder::build);
  }

  private static float[][] logits(ModelPlan plan) {
    try (Backend backend = ReferenceBackend.create()) {
      return Runs.whole(backend, plan, Precision.EXACT, PlanFixtures.prompt(plan, 5));
    }
  }
}
