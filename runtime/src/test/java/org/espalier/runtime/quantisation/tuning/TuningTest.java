package org.espalier.runtime.quantisation.tuning;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Random;
import java.util.stream.IntStream;
import org.espalier.api.EspalierException;
import org.espalier.api.backend.Activations.Tokens;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.Observer;
import org.espalier.api.backend.Precision;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.format.Metadata;
import org.espalier.api.linear.TileGrid;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;
import org.espalier.api.model.ModelContent;
import org.espalier.api.model.ModelContent.Weights;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.tensor.ElementType;
import org.espalier.backend.cpu.algebra.CpuLinearAlgebra;
import org.espalier.runtime.quantisation.WorkerThreads;
import org.espalier.testkit.fixture.PlanBuilder;
import org.espalier.testkit.fixture.WeightEncoding;
import org.espalier.testkit.reference.ReferenceBackend;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The tuned model computes what the plan says, and its gradient is that of what it computes. */
class TuningTest {
  private static final LinearAlgebra ALGEBRA = new CpuLinearAlgebra();

  static List<ModelPlan> plans() {
    WeightEncoding.Turn scaled = new WeightEncoding.Turn(Integer.MAX_VALUE, true);
    WeightEncoding tiles = new WeightEncoding.Tiles(new TileGrid(16, 16), scaled, scaled);
    return List.of(
        PlanBuilder.seeded(1).width(20).vocabulary(37).heads(2, 2, 10).experts(4, 2, 12).build(),
        PlanBuilder.seeded(8)
            .width(64)
            .vocabulary(50)
            .heads(4, 2, 16)
            .experts(8, 3, 32)
            .encodeAttention(tiles)
            .encodeExperts(tiles)
            .build(),
        PlanBuilder.seeded(3)
            .width(24)
            .vocabulary(40)
            .layers(3)
            .heads(4, 2, 6)
            .ropeDimensions(4)
            .experts(7, 3, 10)
            .withoutProjectionNorms()
            .clip(0.75)
            .normalised()
            .weightScale(1.5f)
            .build());
  }

  private static TunableModel model(ModelPlan plan, boolean head) {
    return new TunableModel(plan, content(plan), plan.vocabulary(), head, ALGEBRA, Parallel.SERIAL);
  }

  private static ModelContent content(ModelPlan plan) {
    List<Weights> weights = new ArrayList<>();
    plan.linears().forEach(linear -> weights.add(new Weights.Matrix("" + linear.id(), linear)));
    return new ModelContent(new Metadata(Map.of()), weights);
  }

  private static int[] text(ModelPlan plan, int seed, int length) {
    return new Random(seed).ints(length, 0, plan.vocabulary()).toArray();
  }

  @ParameterizedTest
  @MethodSource("plans")
  void computesThePlan(ModelPlan plan) {
    int[] tokens = text(plan, 5, 19);
    FloatMatrix logits = model(plan, false).forward(tokens).logits();
    CompileOptions options =
        new CompileOptions(Precision.EXACT, 19, OptionalLong.empty(), Observer.NONE);
    try (ReferenceBackend backend = ReferenceBackend.create();
        Executable executable =
            backend.compile(plan, options).orElseThrow(EspalierException.Unsupported::new)) {
      Rows rows =
          executable.open(new SessionOptions(19, ElementType.F32)).forward(new Tokens(tokens), 19);
      float[] expected = new float[plan.vocabulary()];
      for (int i = 0; i < 19; i++) {
        rows.read(i, expected, 0);
        for (int j = 0; j < expected.length; j++) {
          assertEquals(expected[j], logits.get(i, j), 2e-4 * (1 + Math.abs(expected[j])));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("plans")
  void theGradientIsThatOfFiniteDifferences(ModelPlan plan) {
    TunableModel model = model(plan, true);
    int[] tokens = text(plan, 6, 23);
    FloatMatrix reference = FloatMatrix.zeros(23, plan.vocabulary());
    Random random = new Random(7);
    for (int i = 0; i < reference.values().length; i++) {
      reference.values()[i] = (float) random.nextGaussian();
    }
    float[] gradient = new float[model.parameters().values().length];
    TunableModel.Pass pass = model.forward(tokens);
    Divergence.gradient(copy(reference), pass.logits(), 1);
    pass.backward().run(pass.logits(), new Block.Gradients(gradient, TunableLinear.Watcher.NONE));
    for (Parameters.Group group : model.parameters().groups()) {
      double expected = 0;
      for (int i = group.offset(); i < group.offset() + group.length(); i++) {
        expected += Math.abs(gradient[i]);
      }
      // Where a route or a limit changes within a step there is no slope to compare with.
      double closest = Double.POSITIVE_INFINITY;
      for (double step : new double[] {1e-3, 1e-4, 1e-5}) {
        double found = slope(model, group, gradient, tokens, reference, step);
        closest = Math.min(closest, Math.abs(found - expected));
      }
      assertEquals(0, closest, 0.04 * expected + 0.02, () -> "group " + group.key());
    }
  }

  /** Along the signs of the gradient, where the loss changes most. */
  private static double slope(
      TunableModel model,
      Parameters.Group group,
      float[] gradient,
      int[] tokens,
      FloatMatrix reference,
      double step) {
    float[] values = model.parameters().values();
    float[] before = values.clone();
    double[] losses = new double[2];
    for (int side = 0; side < 2; side++) {
      for (int i = group.offset(); i < group.offset() + group.length(); i++) {
        values[i] = before[i] + (float) ((2 * side - 1) * step * Math.signum(gradient[i]));
      }
      losses[side] = Divergence.gradient(copy(reference), model.forward(tokens).logits(), 1);
    }
    System.arraycopy(before, 0, values, 0, values.length);
    return (losses[1] - losses[0]) / (2 * step);
  }

  private static FloatMatrix copy(FloatMatrix matrix) {
    return FloatMatrix.of(matrix.values().clone(), matrix.rows(), matrix.columns());
  }

  @Test
  void theDivergenceIsThatOfItsDefinition() {
    float[] p = {0.5f, -2, 3, 1.25f, -30};
    float[] q = {1, 0, 2.5f, -1, 4};
    double expected = 0;
    for (int i = 0; i < 5; i++) {
      expected += probability(p, i) * Math.log(probability(p, i) / probability(q, i));
    }
    FloatMatrix gradient = FloatMatrix.of(q.clone(), 1, 5);
    double found = Divergence.gradient(FloatMatrix.of(p.clone(), 1, 5), gradient, 2);
    assertEquals(expected, found, 1e-4 * expected);
    for (int i = 0; i < 5; i++) {
      assertEquals(2 * (probability(q, i) - probability(p, i)), gradient.get(0, i), 1e-4);
    }
  }

  private static double probability(float[] logits, int index) {
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit);
    }
    return Math.exp(logits[index]) / sum;
  }

  @Test
  void itGetsCloserAndIsTheSameAtAnyThreadCount() {
    ModelPlan original = plans().get(1);
    // The same codes behind other numbers in F32.
    ModelPlan other = plans().get(1);
    List<int[]> texts = IntStream.range(0, 40).mapToObj(i -> text(original, i, 24)).toList();
    List<List<Double>> heldOut = new ArrayList<>();
    List<TunedValues> tuned = new ArrayList<>();
    for (int threads : new int[] {1, 3}) {
      List<Double> divergences = new ArrayList<>();
      try (WorkerThreads workers = new WorkerThreads(threads)) {
        tuned.add(
            Tuning.run(
                new Tuning.Subject(shifted(other), content(other)),
                new Tuning.Subject(original, content(original)),
                texts,
                original.vocabulary(),
                new TuningOptions(2, 4, 3, 0.02, 0.02, 0.02, 0, 1),
                ALGEBRA,
                workers,
                new Tuning.Progress() {
                  @Override
                  public void read(long done, long total) {
                    assertTrue(done <= total);
                  }

                  @Override
                  public void heldOut(int pass, double divergence) {
                    assertEquals(divergences.size(), pass);
                    divergences.add(divergence);
                  }
                }));
      }
      heldOut.add(divergences);
    }
    assertEquals(heldOut.get(0), heldOut.get(1));
    assertTrue(
        heldOut.getFirst().getLast() < 0.8 * heldOut.getFirst().getFirst(),
        heldOut.getFirst().toString());
    assertEquals(tuned.get(0).values().keySet(), tuned.get(1).values().keySet());
    tuned
        .getFirst()
        .values()
        .forEach((key, values) -> assertArrayEquals(values, tuned.get(1).values().get(key)));
  }

  /** A model with other norms. */
  private static ModelPlan shifted(ModelPlan plan) {
    ModelPlan other = PlanBuilder.seeded(99).width(64).vocabulary(50).heads(4, 2, 16).build();
    return new ModelPlan(
        plan.architecture(),
        plan.width(),
        plan.vocabulary(),
        plan.contextLength(),
        IntStream.range(0, plan.stages().size())
            .mapToObj(i ->
                switch (plan.stages().get(i)) {
                  case org.espalier.api.model.Stage.Head(_, var output) ->
                      new org.espalier.api.model.Stage.Head(
                          ((org.espalier.api.model.Stage.Head) other.stages().get(i)).norm(),
                          output);
                  case org.espalier.api.model.Stage.Attention _,
                      org.espalier.api.model.Stage.Embedding _,
                      org.espalier.api.model.Stage.MixtureOfExperts _ ->
                      plan.stages().get(i);
                })
            .toList());
  }
}
