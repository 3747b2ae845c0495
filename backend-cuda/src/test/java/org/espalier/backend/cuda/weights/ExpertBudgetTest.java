package org.espalier.backend.cuda.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.espalier.api.backend.ExpertPlacement;
import org.espalier.api.backend.Precision;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.model.ModelPlan;
import org.espalier.testkit.fixture.PlanBuilder;
import org.junit.jupiter.api.Test;

class ExpertBudgetTest {
  private final ModelPlan plan = PlanBuilder.seeded(3).layers(3).experts(8, 2, 8).build();

  private int onDevice(long bytes, ExpertPlacement wanted) {
    Placement placement = ExpertBudget.placement(plan, Precision.EXACT, bytes, wanted);
    int count = 0;
    for (int layer = 0; layer < 3; layer++) {
      for (int expert = 0; expert < 8; expert++) {
        Placement.Home home = placement.home(new OperatorId(layer, Role.EXPERT_UP), expert);
        assertEquals(home, placement.home(new OperatorId(layer, Role.EXPERT_DOWN), expert));
        count += home == Placement.Home.DEVICE ? 1 : 0;
      }
      assertEquals(Placement.Home.DEVICE, placement.home(new OperatorId(layer, Role.QUERY), 0));
    }
    return count;
  }

  @Test
  void keepsWhatIsWantedAsFarAsItFits() {
    assertEquals(24, onDevice(Long.MAX_VALUE, ExpertPlacement.UNDECIDED));
    assertEquals(0, onDevice(0, ExpertPlacement.UNDECIDED));
    assertEquals(6, onDevice(Long.MAX_VALUE, (_, expert) -> expert == 2 || expert == 5));
    assertEquals(8, onDevice(Long.MAX_VALUE, (layer, _) -> layer == 1));
    long one = 3 * 8 * 16 * 4;
    assertEquals(5, onDevice(5 * one, (layer, _) -> layer == 1));
  }
}
