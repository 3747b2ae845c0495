package org.espalier.testkit.reference;

import java.util.Optional;
import org.espalier.api.model.ActivationSite;
import org.espalier.api.model.Stage;

/** x + W_o · attention(norm(x)): see {@link Stage.Attention}. */
final class Attention implements StageRunner {
  private final Stage.Attention stage;
  private final RootMeanSquare norm;
  private final Linear query;
  private final Linear key;
  private final Linear value;
  private final Linear output;
  private final Optional<RootMeanSquare> queryNorm;
  private final Optional<RootMeanSquare> keyNorm;
  private final RotaryEmbedding rope;

  Attention(Stage.Attention stage, boolean keep) {
    this.stage = stage;
    this.norm = new RootMeanSquare(stage.norm());
    this.query = new Linear(stage.query(), keep);
    this.key = new Linear(stage.key(), keep);
    this.value = new Linear(stage.value(), keep);
    this.output = new Linear(stage.output(), keep);
    this.queryNorm = stage.queryNorm().map(RootMeanSquare::new);
    this.keyNorm = stage.keyNorm().map(RootMeanSquare::new);
    this.rope = new RotaryEmbedding(stage.rope(), stage.headDimension());
  }

  @Override
  public double[][] run(double[][] x, Pass pass) {
    double[][] h = norm.apply(x);
    pass.show(new ActivationSite.AttentionInput(stage.layer()), h);
    double[][] mixed = new double[x.length][];
    for (int row = 0; row < x.length; row++) {
      Pass.Row place = pass.rows().get(row);
      mixed[row] =
          attend(
              h[row],
              place.position(),
              place.session().cache(stage.layer(), stage.headDimension()));
    }
    pass.show(new ActivationSite.AttentionOutput(stage.layer()), mixed);
    double[][] y = new double[x.length][];
    for (int row = 0; row < x.length; row++) {
      y[row] = Vectors.sum(x[row], output.multiply(mixed[row]));
    }
    return y;
  }

  /** Appends one position to the cache and lets it look at all positions up to its own. */
  private double[] attend(double[] h, int position, KeyValueCache cache) {
    double[] q = query.multiply(h);
    double[] k = key.multiply(h);
    double[] v = value.multiply(h);
    q = queryNorm.isPresent() ? queryNorm.get().apply(q) : q;
    k = keyNorm.isPresent() ? keyNorm.get().apply(k) : k;
    clamp(q);
    clamp(k);
    clamp(v);
    rope.turn(q, position);
    rope.turn(k, position);
    cache.put(position, k, v);
    double[] mixed = new double[q.length];
    for (int head = 0; head < stage.heads(); head++) {
      attend(head, q, position, cache, mixed);
    }
    return mixed;
  }

  private void attend(int head, double[] q, int position, KeyValueCache cache, double[] mixed) {
    int dimension = stage.headDimension();
    int from = head * dimension;
    int keyValueFrom = head * stage.keyValueHeads() / stage.heads() * dimension;
    double[] scores = new double[position + 1];
    for (int past = 0; past <= position; past++) {
      for (int i = 0; i < dimension; i++) {
        scores[past] += q[from + i] * cache.key(past)[keyValueFrom + i];
      }
      scores[past] *= stage.scale();
    }
    double[] weights = Softmax.of(scores);
    for (int past = 0; past <= position; past++) {
      for (int i = 0; i < dimension; i++) {
        mixed[from + i] += weights[past] * cache.value(past)[keyValueFrom + i];
      }
    }
  }

  private void clamp(double[] x) {
    if (stage.clip().isPresent()) {
      double clip = stage.clip().getAsDouble();
      for (int i = 0; i < x.length; i++) {
        x[i] = Math.clamp(x[i], -clip, clip);
      }
    }
  }
}
