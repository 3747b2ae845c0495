package org.espalier.testkit.reference;

import java.util.stream.IntStream;
import org.espalier.api.model.ActivationSite;
import org.espalier.api.model.Stage;

/** logits = W · norm(x), for the wanted rows only. */
final class Head implements StageRunner {
  private final RootMeanSquare norm;
  private final Linear output;

  Head(Stage.Head stage, boolean keep) {
    this.norm = new RootMeanSquare(stage.norm());
    this.output = new Linear(stage.output(), keep);
  }

  @Override
  public double[][] run(double[][] x, Pass pass) {
    double[][] h = norm.apply(wanted(x, pass));
    pass.show(new ActivationSite.HeadInput(), h);
    double[][] logits = new double[h.length][];
    for (int row = 0; row < h.length; row++) {
      logits[row] = output.multiply(h[row]);
    }
    return logits;
  }

  /** The rows whose output is asked for. */
  static double[][] wanted(double[][] x, Pass pass) {
    return IntStream.range(0, x.length)
        .filter(row -> pass.rows().get(row).wanted())
        .mapToObj(row -> x[row])
        .toArray(double[][]::new);
  }
}
