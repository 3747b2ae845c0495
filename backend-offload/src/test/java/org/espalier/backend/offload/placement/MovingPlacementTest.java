package org.espalier.backend.offload.placement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.espalier.api.backend.ExpertPlacement;
import org.espalier.api.model.Stage;
import org.espalier.backend.offload.RecordedRouting;
import org.espalier.testkit.fixture.PlanBuilder;
import org.junit.jupiter.api.Test;

/** Experts that change places between passes, against those that stay where they were put. */
class MovingPlacementTest {
  private static final int LAYERS = 4;
  private static final int EXPERTS = 16;
  private static final int USED = 4;

  private final List<Stage.MixtureOfExperts> layers =
      PlanBuilder.seeded(5).layers(LAYERS).experts(EXPERTS, USED, 8).build().stages().stream()
          .filter(Stage.MixtureOfExperts.class::isInstance)
          .map(Stage.MixtureOfExperts.class::cast)
          .toList();
  private final long room = LAYERS * EXPERTS / 2 * DevicePlan.expertBytes(layers.getFirst());

  private MovingPlacement half() {
    UseCounts none = new UseCounts();
    return new MovingPlacement(
        layers, Optional.of(DevicePlan.of(layers, none, room)), FarExperts.AUTO, none);
  }

  private static int[] rows(int[] used) {
    int[] rows = new int[EXPERTS];
    for (int expert : used) {
      rows[expert]++;
    }
    return rows;
  }

  private static double hitRate(
      MovingPlacement placement, List<RecordedRouting> turns, boolean moves) {
    for (RecordedRouting turn : turns) {
      placement.used(turn.layer(), rows(turn.used()), 0);
      if (moves && turn.layer() == LAYERS - 1) {
        placement.exchanges();
      }
    }
    MovingPlacement.Counts counts = placement.counts();
    assertEquals(turns.size() * (long) USED, counts.used());
    return (double) counts.found() / counts.used();
  }

  /** The recorded text: half of the experts are near. */
  @Test
  void followsWhatATextUses() throws IOException {
    List<RecordedRouting> turns = RecordedRouting.demo();
    double staying = hitRate(half(), turns, false);
    MovingPlacement moving = half();
    double moved = hitRate(moving, turns, true);
    UseCounts all = new UseCounts();
    for (RecordedRouting turn : turns) {
      for (int expert : turn.used()) {
        all.add(turn.layer(), expert, 1);
      }
    }
    double hindsight = DevicePlan.of(layers, all, room).nearShare();
    String figures =
        "stays %.3f, moves %.3f with %d exchanges, best for all of it %.3f"
            .formatted(staying, moved, moving.counts().exchanged(), hindsight);
    assertTrue(moved > staying + 0.12, figures);
    assertTrue(moved > hindsight - 0.04, figures);
    assertTrue(moving.counts().exchanged() < 0.2 * turns.size() / LAYERS, figures);
  }

  /** Where there is nothing to learn, little is moved for nothing. */
  @Test
  void leavesUniformRoutingAlone() {
    Random random = new Random(7);
    MovingPlacement placement = half();
    int exchanges = 0;
    for (int token = 0; token < 1000; token++) {
      for (int layer = 0; layer < LAYERS; layer++) {
        int[] used = random.ints(0, EXPERTS).distinct().limit(USED).toArray();
        placement.used(layer, rows(used), 0);
      }
      exchanges += token < 100 ? 0 : placement.exchanges().size();
    }
    assertEquals(0.5, (double) placement.counts().found() / placement.counts().used(), 0.03);
    assertTrue(exchanges < 200, "where 8 experts are missed by every token: " + exchanges);
  }

  @Test
  void saysWhoGoesAndIsConsistent() {
    MovingPlacement placement = half();
    assertTrue(placement.learns());
    assertTrue(placement.isNear(2, 7));
    assertFalse(placement.isNear(2, 8));
    assertFalse(placement.isNear(9, 0), "a layer of the host's");
    for (int i = 0; i < 40; i++) {
      placement.used(2, rows(new int[] {8, 9, 10, 0}), 7);
      placement.used(9, new int[] {1, 2}, 0);
    }
    List<ExpertPlacement.Exchange> exchanges = placement.exchanges();
    assertEquals(2, exchanges.size(), "no more between two passes");
    for (ExpertPlacement.Exchange exchange : exchanges) {
      assertEquals(2, exchange.layer());
      assertTrue(placement.isNear(2, exchange.arriving()));
      assertFalse(placement.isNear(2, exchange.leaving()));
      assertTrue(exchange.leaving() != 0, "who is used stays");
    }
    assertEquals(1, placement.exchanges().size());
    assertEquals(List.of(), placement.exchanges());
    for (int expert : new int[] {0, 8, 9, 10}) {
      assertTrue(placement.isNear(2, expert));
    }
    assertEquals(new MovingPlacement.Counts(160, 40, 280, 3), placement.counts());
  }

  @Test
  void copiesAsTold() {
    for (FarExperts far : FarExperts.values()) {
      MovingPlacement placement =
          new MovingPlacement(layers, Optional.empty(), far, new UseCounts());
      boolean[] copied = {placement.isCopied(0.5), placement.isCopied(1.5)};
      boolean[] expected =
          switch (far) {
            case AUTO -> new boolean[] {false, true};
            case COPY -> new boolean[] {true, true};
            case READ, CPU -> new boolean[] {false, false};
          };
      assertTrue(Arrays.equals(expected, copied), far.toString());
    }
  }
}
