package org.espalier.runtime.quantisation.tuning;

import java.util.List;
import java.util.stream.IntStream;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;
import org.espalier.api.model.Stage;

/** x + Σ p_e · expert_e(norm(x)): see {@link Stage.MixtureOfExperts}. */
final class ExpertsBlock implements Block {
  private final Stage.MixtureOfExperts stage;
  private final TunableNorm norm;
  private final int router;
  private final List<TunableLinear> gate;
  private final List<TunableLinear> up;
  private final List<TunableLinear> down;

  /**
   * A bank of experts.
   *
   * @param router offset of its weights, experts × width, among the parameters
   */
  ExpertsBlock(
      Stage.MixtureOfExperts stage,
      TunableNorm norm,
      int router,
      List<TunableLinear> gate,
      List<TunableLinear> up,
      List<TunableLinear> down) {
    this.stage = stage;
    this.norm = norm;
    this.router = router;
    this.gate = gate;
    this.up = up;
    this.down = down;
  }

  /**
   * One expert's share of a sequence.
   *
   * @param open the sigmoid of what the gate gives
   */
  private record Visit(
      int expert,
      int[] rows,
      TunableLinear.Use gate,
      float[] open,
      TunableLinear.Use up,
      TunableLinear.Use down) {}

  /**
   * Where rows go.
   *
   * @param probabilities rows × experts
   * @param chosen whether a row goes to an expert, in the same order
   * @param sums of the chosen probabilities, or 1 where they are not normalised
   */
  private record Routes(FloatMatrix probabilities, boolean[] chosen, float[] sums) {
    float weight(Stage.MixtureOfExperts stage, int row, int expert) {
      return probabilities.get(row, expert) / sums[row] * stage.weightScale();
    }
  }

  @Override
  public Output forward(float[] parameters, FloatMatrix x, LinearAlgebra algebra) {
    TunableNorm.Use normed = norm.forward(parameters, x);
    FloatMatrix h = normed.y();
    FloatMatrix routerWeights =
        new FloatMatrix(parameters, router, stage.experts(), h.columns(), h.columns());
    Routes routes = routes(Rows.product(h, Rows.transpose(routerWeights), algebra));
    FloatMatrix y = FloatMatrix.zeros(x.rows(), x.columns());
    Rows.add(y, x);
    List<Visit> visits =
        IntStream.range(0, stage.experts())
            .mapToObj(expert -> visit(parameters, expert, h, routes, y, algebra))
            .toList();
    return new Output(
        y,
        (dy, gradients) -> {
          FloatMatrix dh = FloatMatrix.zeros(x.rows(), x.columns());
          FloatMatrix dWeights = FloatMatrix.zeros(x.rows(), stage.experts());
          for (Visit visit : visits) {
            leave(parameters, visit, routes, dy, dh, dWeights, gradients, algebra);
          }
          FloatMatrix dScores = scoreGradients(routes, dWeights);
          algebra.addProduct(dScores, routerWeights, dh, Parallel.SERIAL);
          algebra.addProduct(
              Rows.transpose(dScores),
              h,
              new FloatMatrix(gradients.sums(), router, stage.experts(), h.columns(), h.columns()),
              Parallel.SERIAL);
          FloatMatrix dx = norm.backward(parameters, normed, dh, gradients.sums());
          Rows.add(dx, dy);
          return dx;
        });
  }

  private Routes routes(FloatMatrix scores) {
    int experts = stage.experts();
    boolean[] chosen = new boolean[scores.rows() * experts];
    float[] sums = new float[scores.rows()];
    for (int row = 0; row < scores.rows(); row++) {
      int at = row * experts;
      for (int k = 0; k < stage.used(); k++) {
        int best = -1;
        for (int expert = 0; expert < experts; expert++) {
          if (!chosen[at + expert]
              && (best < 0 || scores.values()[at + expert] > scores.values()[at + best])) {
            best = expert;
          }
        }
        chosen[at + best] = true;
      }
      Rows.softmax(scores.values(), at, experts);
      for (int expert = 0; expert < experts; expert++) {
        sums[row] += chosen[at + expert] ? scores.values()[at + expert] : 0;
      }
      if (!stage.normalised()) {
        sums[row] = 1;
      }
    }
    return new Routes(scores, chosen, sums);
  }

  private Visit visit(
      float[] parameters,
      int expert,
      FloatMatrix h,
      Routes routes,
      FloatMatrix y,
      LinearAlgebra algebra) {
    int[] rows =
        IntStream.range(0, h.rows())
            .filter(row -> routes.chosen()[row * stage.experts() + expert])
            .toArray();
    FloatMatrix input = gather(h, rows);
    TunableLinear.Use g = gate.get(expert).forward(parameters, input, algebra);
    TunableLinear.Use u = up.get(expert).forward(parameters, input, algebra);
    FloatMatrix hidden = FloatMatrix.zeros(rows.length, g.y().columns());
    float[] open = new float[hidden.values().length];
    Rows.sigmoids(g.y().values(), open);
    for (int i = 0; i < open.length; i++) {
      hidden.values()[i] = g.y().values()[i] * open[i] * u.y().values()[i];
    }
    TunableLinear.Use d = down.get(expert).forward(parameters, hidden, algebra);
    int n = y.columns();
    for (int i = 0; i < rows.length; i++) {
      float weight = routes.weight(stage, rows[i], expert);
      Rows.addScaled(y.values(), y.row(rows[i]), d.y().values(), i * n, weight, n);
    }
    return new Visit(expert, rows, g, open, u, d);
  }

  private static FloatMatrix gather(FloatMatrix x, int[] rows) {
    int n = x.columns();
    FloatMatrix part = FloatMatrix.zeros(rows.length, n);
    for (int i = 0; i < rows.length; i++) {
      System.arraycopy(x.values(), x.row(rows[i]), part.values(), i * n, n);
    }
    return part;
  }

  /** The way back through one expert; fills its column of {@code dWeights}. */
  private void leave(
      float[] parameters,
      Visit visit,
      Routes routes,
      FloatMatrix dy,
      FloatMatrix dh,
      FloatMatrix dWeights,
      Gradients gradients,
      LinearAlgebra algebra) {
    int n = dy.columns();
    int expert = visit.expert();
    FloatMatrix dDown = FloatMatrix.zeros(visit.rows().length, n);
    for (int i = 0; i < visit.rows().length; i++) {
      int row = visit.rows()[i];
      dWeights.values()[row * stage.experts() + expert] =
          (float) Rows.dot(dy.values(), dy.row(row), visit.down().y().values(), i * n, n);
      float weight = routes.weight(stage, row, expert);
      Rows.addScaled(dDown.values(), i * n, dy.values(), dy.row(row), weight, n);
    }
    float[] sums = gradients.sums();
    TunableLinear.Watcher watcher = gradients.watcher();
    FloatMatrix dHidden =
        down.get(expert).backward(parameters, visit.down(), dDown, sums, watcher, algebra);
    FloatMatrix dGate = FloatMatrix.zeros(dHidden.rows(), dHidden.columns());
    for (int i = 0; i < dHidden.values().length; i++) {
      float z = visit.gate().y().values()[i];
      float s = visit.open()[i];
      float d = dHidden.values()[i];
      dGate.values()[i] = d * visit.up().y().values()[i] * s * (1 + z * (1 - s));
      dHidden.values()[i] = d * z * s;
    }
    FloatMatrix dInput =
        gate.get(expert).backward(parameters, visit.gate(), dGate, sums, watcher, algebra);
    Rows.add(
        dInput, up.get(expert).backward(parameters, visit.up(), dHidden, sums, watcher, algebra));
    for (int i = 0; i < visit.rows().length; i++) {
      Rows.addScaled(dh.values(), dh.row(visit.rows()[i]), dInput.values(), i * n, 1, n);
    }
  }

  /** From the gradients of the chosen weights to those of all scores. */
  private FloatMatrix scoreGradients(Routes routes, FloatMatrix dWeights) {
    int experts = stage.experts();
    FloatMatrix dScores = FloatMatrix.zeros(dWeights.rows(), experts);
    for (int row = 0; row < dWeights.rows(); row++) {
      double mean = 0;
      for (int expert = 0; expert < experts; expert++) {
        if (routes.chosen()[row * experts + expert]) {
          mean += dWeights.get(row, expert) * routes.weight(stage, row, expert);
        }
      }
      for (int expert = 0; expert < experts; expert++) {
        int at = row * experts + expert;
        double own = routes.chosen()[at] ? dWeights.values()[at] : 0;
        double share =
            stage.normalised()
                ? (routes.chosen()[at] ? routes.weight(stage, row, expert) : 0)
                    * (own - mean / stage.weightScale())
                : routes.probabilities().values()[at] * (own * stage.weightScale() - mean);
        dScores.values()[at] = (float) share;
      }
    }
    return dScores;
  }
}
