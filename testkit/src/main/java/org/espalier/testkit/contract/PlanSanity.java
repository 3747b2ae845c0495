package org.espalier.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Norm;
import org.espalier.api.model.Stage;

/** Whether the shapes of a whole plan fit together. */
final class PlanSanity {
  private final ModelPlan plan;

  private PlanSanity(ModelPlan plan) {
    this.plan = plan;
  }

  static void assertSane(ModelPlan plan) {
    assertTrue(plan.takesTokens(), "a whole model begins with an embedding");
    assertTrue(plan.givesLogits(), "a whole model ends with a head");
    assertTrue(plan.contextLength() > 0, "a context has positions");
    List<OperatorId> ids = plan.linears().stream().map(EncodedLinear::id).toList();
    assertEquals(ids.size(), ids.stream().distinct().count(), () -> "an operator twice in " + ids);
    PlanSanity sanity = new PlanSanity(plan);
    plan.stages().forEach(sanity::check);
  }

  private void check(Stage stage) {
    switch (stage) {
      case Stage.Embedding(EncodedLinear table) ->
          linear(table, -1, Role.EMBEDDING, 1, plan.vocabulary(), plan.width());
      case Stage.Attention attention -> check(attention);
      case Stage.MixtureOfExperts mixture -> check(mixture);
      case Stage.Head(Norm norm, EncodedLinear output) -> {
        norm(norm, plan.width());
        linear(output, -1, Role.HEAD, 1, plan.vocabulary(), plan.width());
      }
    }
  }

  private void check(Stage.Attention stage) {
    int layer = stage.layer();
    int queries = stage.heads() * stage.headDimension();
    int keys = stage.keyValueHeads() * stage.headDimension();
    norm(stage.norm(), plan.width());
    linear(stage.query(), layer, Role.QUERY, 1, queries, plan.width());
    linear(stage.key(), layer, Role.KEY, 1, keys, plan.width());
    linear(stage.value(), layer, Role.VALUE, 1, keys, plan.width());
    linear(stage.output(), layer, Role.ATTENTION_OUTPUT, 1, plan.width(), queries);
    stage.queryNorm().ifPresent(norm -> norm(norm, queries));
    stage.keyNorm().ifPresent(norm -> norm(norm, keys));
    assertEquals(0, stage.heads() % stage.keyValueHeads(), "query heads share key heads evenly");
    int turning = stage.rope().dimensions();
    assertTrue(turning >= 0 && turning <= stage.headDimension(), "RoPE turns part of a head");
    assertEquals(0, turning % 2, "RoPE turns pairs");
    assertTrue(stage.rope().base() > 0, "the base of RoPE is positive");
    assertTrue(stage.scale() > 0 && Float.isFinite(stage.scale()), "the scale of scores");
    stage.clip().ifPresent(clip -> assertTrue(clip > 0, "a clamp leaves room"));
  }

  private void check(Stage.MixtureOfExperts stage) {
    int layer = stage.layer();
    int experts = stage.experts();
    int hidden = stage.gate().shape().outputs();
    norm(stage.norm(), plan.width());
    linear(stage.router(), layer, Role.ROUTER, 1, experts, plan.width());
    linear(stage.gate(), layer, Role.EXPERT_GATE, experts, hidden, plan.width());
    linear(stage.up(), layer, Role.EXPERT_UP, experts, hidden, plan.width());
    linear(stage.down(), layer, Role.EXPERT_DOWN, experts, plan.width(), hidden);
    assertTrue(stage.used() >= 1 && stage.used() <= experts, "a token uses some of the experts");
    assertTrue(Float.isFinite(stage.weightScale()), "the scale of expert weights");
  }

  private static void linear(
      EncodedLinear linear, int layer, Role role, int experts, int outputs, int inputs) {
    assertEquals(new OperatorId(layer, role), linear.id());
    assertEquals(
        new LinearShape(experts, outputs, inputs), linear.shape(), () -> "shape of " + linear.id());
  }

  private static void norm(Norm norm, int width) {
    assertEquals(width, norm.width(), "width of a norm");
    assertTrue(norm.epsilon() >= 0, "ε of a norm");
  }
}
