package org.espalier.testkit.reference;

import java.util.stream.IntStream;
import org.espalier.api.model.ActivationSite;
import org.espalier.api.model.Stage;

/**
 * x + Σ p_e · W_down,e (SiLU(W_gate,e h) ⊙ W_up,e h), h = norm(x): see {@link
 * Stage.MixtureOfExperts}. It goes through the experts by index and through the rows of each by
 * position, so the sum runs in order of expert index.
 */
final class MixtureOfExperts implements StageRunner {
  private final Stage.MixtureOfExperts stage;
  private final RootMeanSquare norm;
  private final Linear router;
  private final Linear gate;
  private final Linear up;
  private final Linear down;

  MixtureOfExperts(Stage.MixtureOfExperts stage, boolean keep) {
    this.stage = stage;
    this.norm = new RootMeanSquare(stage.norm());
    this.router = new Linear(stage.router(), keep);
    this.gate = new Linear(stage.gate(), keep);
    this.up = new Linear(stage.up(), keep);
    this.down = new Linear(stage.down(), keep);
  }

  @Override
  public double[][] run(double[][] x, Pass pass) {
    double[][] h = norm.apply(x);
    Routing[] routing = new Routing[x.length];
    for (int row = 0; row < x.length; row++) {
      routing[row] = Routing.of(stage, router.multiply(h[row]));
      pass.showRouting(stage.layer(), row, routing[row]);
    }
    double[][] sum = new double[x.length][x.length == 0 ? 0 : x[0].length];
    for (int expert = 0; expert < stage.experts(); expert++) {
      add(expert, h, routing, sum, pass);
    }
    double[][] y = new double[x.length][];
    for (int row = 0; row < x.length; row++) {
      y[row] = Vectors.sum(x[row], sum[row]);
    }
    return y;
  }

  /** Adds one expert's share to the rows that were routed to it. */
  private void add(int expert, double[][] h, Routing[] routing, double[][] sum, Pass pass) {
    int[] rows =
        IntStream.range(0, h.length).filter(row -> routing[row].indexOf(expert) >= 0).toArray();
    double[][] input = new double[rows.length][];
    double[][] hidden = new double[rows.length][];
    float[] gates = new float[rows.length];
    for (int i = 0; i < rows.length; i++) {
      Routing chosen = routing[rows[i]];
      double weight = chosen.weights()[chosen.indexOf(expert)];
      input[i] = h[rows[i]];
      hidden[i] = Vectors.gated(gate.multiply(expert, input[i]), up.multiply(expert, input[i]));
      gates[i] = (float) weight;
      Vectors.addScaled(sum[rows[i]], weight, down.multiply(expert, hidden[i]));
    }
    pass.show(new ActivationSite.ExpertInput(stage.layer(), expert), input, gates);
    pass.show(new ActivationSite.ExpertHidden(stage.layer(), expert), hidden, gates);
  }
}
