package org.espalier.runtime.quantisation.tuning;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.espalier.api.format.Metadata;
import org.espalier.api.linear.Role;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;
import org.espalier.api.model.ModelContent;
import org.espalier.api.model.ModelPlan;
import org.espalier.backend.cpu.algebra.CpuLinearAlgebra;
import org.espalier.runtime.quantisation.WorkerThreads;
import org.espalier.testkit.fixture.PlanBuilder;
import org.junit.jupiter.api.Test;

class PredictionMomentsTest {
  private static final LinearAlgebra ALGEBRA = new CpuLinearAlgebra();

  private static ModelPlan plan() {
    return PlanBuilder.seeded(4).width(16).vocabulary(30).heads(2, 2, 8).experts(4, 2, 12).build();
  }

  private static List<int[]> texts(ModelPlan plan, int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> new Random(i).ints(13, 0, plan.vocabulary()).toArray())
        .toList();
  }

  private static Map<OperatorPart, PredictionMoments.Moments> moments(
      ModelPlan plan, List<int[]> texts, int together, Parallel parallel) {
    List<Integer> read = new ArrayList<>();
    Map<OperatorPart, PredictionMoments.Moments> moments =
        PredictionMoments.of(
            new Tuning.Subject(plan, new ModelContent(new Metadata(Map.of()), List.of())),
            texts,
            plan.vocabulary(),
            part -> part.id().role() != Role.KEY,
            together,
            ALGEBRA,
            parallel,
            done -> read.add((int) done));
    assertEquals(texts.size(), read.getLast());
    return moments;
  }

  @Test
  void theSameAtAnyThreadCount() {
    ModelPlan plan = plan();
    List<int[]> texts = texts(plan, 7);
    Map<OperatorPart, PredictionMoments.Moments> one = moments(plan, texts, 1, Parallel.SERIAL);
    try (WorkerThreads workers = new WorkerThreads(3)) {
      Map<OperatorPart, PredictionMoments.Moments> three = moments(plan, texts, 3, workers);
      assertEquals(one.keySet(), three.keySet());
      one.forEach((part, moments) -> {
        assertArrayEquals(moments.inputs().values(), three.get(part).inputs().values());
        assertArrayEquals(moments.outputs().values(), three.get(part).outputs().values());
        assertEquals(moments.tokens(), three.get(part).tokens());
      });
    }
  }

  @Test
  void theyAreMeansOfWhatPasses() {
    ModelPlan plan = plan();
    Map<OperatorPart, PredictionMoments.Moments> all =
        moments(plan, texts(plan, 20), 4, Parallel.SERIAL);
    int layers = 2;
    assertEquals(layers * (3 + 4 * 3), all.size(), "attention without keys, and experts");
    long reached = 0;
    for (Map.Entry<OperatorPart, PredictionMoments.Moments> entry : all.entrySet()) {
      PredictionMoments.Moments moments = entry.getValue();
      switch (entry.getKey().id().role()) {
        case QUERY, VALUE, ATTENTION_OUTPUT -> assertEquals(20 * 13, moments.tokens());
        case EXPERT_UP -> reached += moments.tokens();
        default -> assertTrue(moments.tokens() > 0);
      }
      assertEquals(moments.outputs().rows(), trace(moments.outputs()), 1e-3);
      assertSymmetric(moments.inputs());
      assertSymmetric(moments.outputs());
    }
    assertEquals(layers * 2 * 20 * 13, reached, "each token takes two experts");
  }

  private static double trace(FloatMatrix matrix) {
    return IntStream.range(0, matrix.rows()).mapToDouble(i -> matrix.get(i, i)).sum();
  }

  private static void assertSymmetric(FloatMatrix matrix) {
    for (int i = 0; i < matrix.rows(); i++) {
      assertTrue(matrix.get(i, i) >= 0);
      for (int j = 0; j < i; j++) {
        assertEquals(matrix.get(i, j), matrix.get(j, i));
      }
    }
  }

  /** The reference of it all: small errors of the last matrix cost what the two moments say. */
  @Test
  void theyForetellTheDivergence() {
    ModelPlan plan = plan();
    List<int[]> texts = texts(plan, 400);
    Map<OperatorPart, PredictionMoments.Moments> all = moments(plan, texts, 4, Parallel.SERIAL);
    OperatorPart part =
        all.keySet().stream()
            .filter(p -> p.id().role() == Role.ATTENTION_OUTPUT && p.id().layer() == 1)
            .findFirst()
            .orElseThrow();
    PredictionMoments.Moments moments = all.get(part);
    TunableModel model =
        new TunableModel(
            plan,
            new ModelContent(new Metadata(Map.of()), List.of()),
            plan.vocabulary(),
            false,
            ALGEBRA,
            Parallel.SERIAL);
    // Rank one, along and across what counts most: tr(G E H Eᵀ) with E = a bᵀ is (aᵀ G a)(bᵀ H b).
    double[] foretold = new double[3];
    double[] found = new double[3];
    for (int k = 0; k < 3; k++) {
      float[] a = direction(moments.outputs(), k == 1 ? -1 : 1);
      float[] b = direction(moments.inputs(), k == 2 ? -1 : 1);
      foretold[k] = form(moments.outputs(), a) * form(moments.inputs(), b);
      found[k] = squares(model, part, texts, a, b);
    }
    for (int k = 1; k < 3; k++) {
      double expected = foretold[k] / foretold[0];
      assertEquals(1, found[k] / found[0] / expected, 0.4, "direction " + k);
      assertTrue(expected < 0.3, "directions differ");
    }
  }

  /** What a matrix makes longest by many products, or, with −1, what it leaves shortest of axes. */
  private static float[] direction(FloatMatrix matrix, int which) {
    int n = matrix.rows();
    float[] v = new float[n];
    if (which < 0) {
      int least = 0;
      for (int i = 1; i < n; i++) {
        least = matrix.get(i, i) < matrix.get(least, least) ? i : least;
      }
      v[least] = 1;
      return v;
    }
    v[0] = 1;
    for (int step = 0; step < 100; step++) {
      float[] next = new float[n];
      double square = 0;
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
          next[i] += matrix.get(i, j) * v[j];
        }
        square += next[i] * next[i];
      }
      for (int i = 0; i < n; i++) {
        v[i] = (float) (next[i] / Math.sqrt(square));
      }
    }
    return v;
  }

  private static double form(FloatMatrix matrix, float[] v) {
    double sum = 0;
    for (int i = 0; i < v.length; i++) {
      for (int j = 0; j < v.length; j++) {
        sum += v[i] * matrix.get(i, j) * v[j];
      }
    }
    return sum;
  }

  /** The mean of (gᵀ a bᵀ x)² over all tokens of the vocabulary, each as likely as it is. */
  private static double squares(
      TunableModel model, OperatorPart part, List<int[]> texts, float[] a, float[] b) {
    double[] sum = new double[1];
    for (int text = 0; text < 40; text++) {
      for (int draw = 0; draw < 10; draw++) {
        TunableModel.Pass pass = model.forward(texts.get(text));
        FloatMatrix logits = pass.logits();
        Random random = new Random(1000 + text * 10 + draw);
        for (int row = 0; row < logits.rows(); row++) {
          int at = logits.row(row);
          Rows.softmax(logits.values(), at, logits.columns());
          double left = random.nextDouble();
          int token = 0;
          while (token < logits.columns() - 1 && left > logits.values()[at + token]) {
            left -= logits.values()[at + token++];
          }
          logits.values()[at + token] -= 1;
        }
        pass.backward()
            .run(
                logits,
                new Block.Gradients(
                    new float[model.parameters().values().length],
                    (seen, x, gradient) -> {
                      if (seen.equals(part)) {
                        double whole = 0;
                        for (int i = 0; i < x.rows(); i++) {
                          whole +=
                              Rows.dot(gradient.values(), gradient.row(i), a, 0, a.length)
                                  * Rows.dot(x.values(), x.row(i), b, 0, b.length);
                        }
                        sum[0] += whole * whole;
                      }
                    }));
      }
    }
    return sum[0];
  }
}
