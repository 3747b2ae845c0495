package org.espalier.testkit.reference;

import java.util.stream.IntStream;
import org.espalier.api.backend.ExpertStore;
import org.espalier.api.backend.HostRows;
import org.espalier.api.model.ActivationSite;
import org.espalier.api.model.Stage;

/**
 * x + Σ p_e · W_down,e (SiLU(W_gate,e h) ⊙ W_up,e h), h = norm(x): see {@link
 * Stage.MixtureOfExperts}. It goes through the experts by index and through the rows of each by
 * position, so the sum runs in order of expert index.
 */
final class MixtureOfExperts implements StageRunner {
  private final Stage.MixtureOfExperts stage;
  private final ExpertStore store;
  private final boolean lent;
  private final RootMeanSquare norm;
  private final Linear router;
  private final Linear gate;
  private final Linear up;
  private final Linear down;

  /**
   * @param store lends experts
   * @param keep whether decoded weights stay in memory
   */
  MixtureOfExperts(Stage.MixtureOfExperts stage, ExpertStore store, boolean keep) {
    this.stage = stage;
    this.store = store;
    this.lent = store.lends(stage.layer());
    this.norm = new RootMeanSquare(stage.norm());
    this.router = new Linear(stage.router(), keep);
    this.gate = new Linear(stage.gate(), keep && !lent);
    this.up = new Linear(stage.up(), keep && !lent);
    this.down = new Linear(stage.down(), keep && !lent);
  }

  @Override
  public double[][] run(double[][] x, Pass pass) {
    double[][] h = norm.apply(x);
    Routing[] routing = new Routing[x.length];
    for (int row = 0; row < x.length; row++) {
      routing[row] = Routing.of(stage, router.multiply(h[row]));
      pass.showRouting(stage.layer(), row, routing[row]);
    }
    if (pass.placement().learns()) {
      pass.placement()
          .used(
              stage.layer(),
              IntStream.range(0, stage.experts()).map(e -> rows(e, routing).length).toArray(),
              0);
    }
    double[][][] shares = new double[stage.experts()][][];
    if (lent) {
      borrow(x, h, routing, shares, pass);
    } else {
      for (int expert = 0; expert < stage.experts(); expert++) {
        shares[expert] = share(expert, expert, h, routing, pass);
      }
    }
    double[][] sum = new double[x.length][x.length == 0 ? 0 : x[0].length];
    for (int expert = 0; expert < stage.experts(); expert++) {
      int[] rows = rows(expert, routing);
      for (int i = 0; i < rows.length; i++) {
        Vectors.addScaled(sum[rows[i]], weight(expert, routing[rows[i]]), shares[expert][i]);
      }
    }
    double[][] y = new double[x.length][];
    for (int row = 0; row < x.length; row++) {
      y[row] = Vectors.sum(x[row], sum[row]);
    }
    return y;
  }

  /** Computes experts as they come. */
  private void borrow(
      double[][] x, double[][] h, Routing[] routing, double[][][] shares, Pass pass) {
    int[] experts =
        IntStream.range(0, stage.experts())
            .filter(expert -> rows(expert, routing).length > 0)
            .toArray();
    int[] arrived = new int[experts.length];
    int[] places = new int[experts.length];
    try (ExpertStore.Loan loan = store.borrow(stage.layer(), experts, experts.length, host(x))) {
      int count = loan.await(arrived, places);
      while (count > 0) {
        gate.forget();
        up.forget();
        down.forget();
        for (int i = 0; i < count; i++) {
          int expert = experts[arrived[i]];
          shares[expert] = share(expert, places[i], h, routing, pass);
        }
        count = loan.await(arrived, places);
      }
    }
  }

  private static HostRows host(double[][] x) {
    int width = x.length == 0 ? 0 : x[0].length;
    float[] values = new float[x.length * width];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) x[i / width][i % width];
    }
    return new HostRows(values, 0, x.length, width);
  }

  private static int[] rows(int expert, Routing[] routing) {
    return IntStream.range(0, routing.length)
        .filter(row -> routing[row].indexOf(expert) >= 0)
        .toArray();
  }

  private static double weight(int expert, Routing routing) {
    return routing.weights()[routing.indexOf(expert)];
  }

  /** What an expert, which lies at a place of the banks, makes of the rows routed to it. */
  private double[][] share(int expert, int place, double[][] h, Routing[] routing, Pass pass) {
    int[] rows = rows(expert, routing);
    double[][] input = new double[rows.length][];
    double[][] hidden = new double[rows.length][];
    double[][] output = new double[rows.length][];
    float[] gates = new float[rows.length];
    for (int i = 0; i < rows.length; i++) {
      input[i] = h[rows[i]];
      hidden[i] = Vectors.gated(gate.multiply(place, input[i]), up.multiply(place, input[i]));
      gates[i] = (float) weight(expert, routing[rows[i]]);
      output[i] = down.multiply(place, hidden[i]);
    }
    pass.show(new ActivationSite.ExpertInput(stage.layer(), expert), input, gates);
    pass.show(new ActivationSite.ExpertHidden(stage.layer(), expert), hidden, gates);
    return output;
  }
}
