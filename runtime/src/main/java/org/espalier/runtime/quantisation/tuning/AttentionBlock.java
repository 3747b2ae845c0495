package org.espalier.runtime.quantisation.tuning;

import java.util.Arrays;
import java.util.Optional;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;
import org.espalier.api.model.Stage;

/** x + W_o · attention(norm(x)) over one whole sequence: see {@link Stage.Attention}. */
final class AttentionBlock implements Block {
  private final Stage.Attention stage;
  private final TunableNorm norm;
  private final TunableLinear query;
  private final TunableLinear key;
  private final TunableLinear value;
  private final TunableLinear output;
  private final Optional<TunableNorm> queryNorm;
  private final Optional<TunableNorm> keyNorm;

  /** Of the angles by which pairs turn, position after position. */
  private final float[] cosines;

  private final float[] sines;

  /**
   * A stage.
   *
   * @param positions of a sequence, at most
   */
  AttentionBlock(
      Stage.Attention stage,
      TunableNorm norm,
      TunableLinear query,
      TunableLinear key,
      TunableLinear value,
      TunableLinear output,
      Optional<TunableNorm> queryNorm,
      Optional<TunableNorm> keyNorm,
      int positions) {
    int half = stage.rope().dimensions() / 2;
    this.cosines = new float[positions * half];
    this.sines = new float[positions * half];
    for (int i = 0; i < half; i++) {
      double frequency = StrictMath.pow(stage.rope().base(), -2.0 * i / stage.rope().dimensions());
      for (int position = 0; position < positions; position++) {
        cosines[position * half + i] = (float) StrictMath.cos(position * frequency);
        sines[position * half + i] = (float) StrictMath.sin(position * frequency);
      }
    }
    this.stage = stage;
    this.norm = norm;
    this.query = query;
    this.key = key;
    this.value = value;
    this.output = output;
    this.queryNorm = queryNorm;
    this.keyNorm = keyNorm;
  }

  /** One of q, k and v on its way from the rows h to the heads. */
  private final class Projection {
    private final TunableLinear linear;
    private final Optional<TunableNorm> norm;
    private final boolean turned;
    private final TunableLinear.Use use;
    private Optional<TunableNorm.Use> normalised = Optional.empty();
    private final FloatMatrix clipped;
    private final FloatMatrix y;

    Projection(
        float[] parameters,
        FloatMatrix h,
        TunableLinear linear,
        Optional<TunableNorm> norm,
        boolean turned,
        LinearAlgebra algebra) {
      this.linear = linear;
      this.norm = norm;
      this.turned = turned;
      this.use = linear.forward(parameters, h, algebra);
      FloatMatrix x = use.y();
      if (norm.isPresent()) {
        TunableNorm.Use of = norm.get().forward(parameters, x);
        normalised = Optional.of(of);
        x = of.y();
      }
      clipped = clip(x);
      y = turned ? turn(clipped, 1) : clipped;
    }

    FloatMatrix backward(
        float[] parameters, FloatMatrix dy, Gradients gradients, LinearAlgebra algebra) {
      FloatMatrix dx = turned ? turn(dy, -1) : dy;
      if (stage.clip().isPresent()) {
        float limit = (float) stage.clip().getAsDouble();
        for (int i = 0; i < dx.values().length; i++) {
          if (Math.abs(clipped.values()[i]) >= limit) {
            dx.values()[i] = 0;
          }
        }
      }
      if (norm.isPresent()) {
        dx = norm.get().backward(parameters, normalised.orElseThrow(), dx, gradients.sums());
      }
      return linear.backward(parameters, use, dx, gradients.sums(), gradients.watcher(), algebra);
    }
  }

  private FloatMatrix clip(FloatMatrix x) {
    if (stage.clip().isEmpty()) {
      return x;
    }
    float limit = (float) stage.clip().getAsDouble();
    FloatMatrix clipped = FloatMatrix.zeros(x.rows(), x.columns());
    for (int i = 0; i < clipped.values().length; i++) {
      clipped.values()[i] = Math.clamp(x.values()[i], -limit, limit);
    }
    return clipped;
  }

  /** Turns all heads by their positions' angles, or back; a new matrix. */
  private FloatMatrix turn(FloatMatrix x, int direction) {
    int half = stage.rope().dimensions() / 2;
    int dimension = stage.headDimension();
    FloatMatrix y = FloatMatrix.of(x.values().clone(), x.rows(), x.columns());
    for (int position = 0; position < x.rows(); position++) {
      for (int head = 0; head < x.columns(); head += dimension) {
        for (int i = 0; i < half; i++) {
          float cosine = cosines[position * half + i];
          float sine = direction * sines[position * half + i];
          int at = position * x.columns() + head + i;
          float a = x.values()[at];
          float b = x.values()[at + half];
          y.values()[at] = a * cosine - b * sine;
          y.values()[at + half] = a * sine + b * cosine;
        }
      }
    }
    return y;
  }

  @Override
  public Output forward(float[] parameters, FloatMatrix x, LinearAlgebra algebra) {
    TunableNorm.Use normed = norm.forward(parameters, x);
    Projection q = new Projection(parameters, normed.y(), query, queryNorm, true, algebra);
    Projection k = new Projection(parameters, normed.y(), key, keyNorm, true, algebra);
    Projection v = new Projection(parameters, normed.y(), value, Optional.empty(), false, algebra);
    FloatMatrix mixed = FloatMatrix.zeros(x.rows(), q.y.columns());
    FloatMatrix[] weights = new FloatMatrix[stage.heads()];
    for (int head = 0; head < stage.heads(); head++) {
      weights[head] = weights(head(q.y, head), keyValueHead(k.y, head), algebra);
      algebra.addProduct(
          weights[head], keyValueHead(v.y, head), head(mixed, head), Parallel.SERIAL);
    }
    TunableLinear.Use out = output.forward(parameters, mixed, algebra);
    FloatMatrix y = FloatMatrix.zeros(x.rows(), x.columns());
    Rows.add(y, x);
    Rows.add(y, out.y());
    return new Output(
        y,
        (dy, gradients) -> {
          FloatMatrix dMixed =
              output.backward(parameters, out, dy, gradients.sums(), gradients.watcher(), algebra);
          FloatMatrix dq = FloatMatrix.zeros(x.rows(), q.y.columns());
          FloatMatrix dk = FloatMatrix.zeros(x.rows(), k.y.columns());
          FloatMatrix dv = FloatMatrix.zeros(x.rows(), v.y.columns());
          for (int head = 0; head < stage.heads(); head++) {
            attend(head, weights[head], q.y, k.y, v.y, dMixed, dq, dk, dv, algebra);
          }
          FloatMatrix dh = q.backward(parameters, dq, gradients, algebra);
          Rows.add(dh, k.backward(parameters, dk, gradients, algebra));
          Rows.add(dh, v.backward(parameters, dv, gradients, algebra));
          FloatMatrix dx = norm.backward(parameters, normed, dh, gradients.sums());
          Rows.add(dx, dy);
          return dx;
        });
  }

  private FloatMatrix head(FloatMatrix x, int head) {
    return x.part(0, x.rows(), head * stage.headDimension(), stage.headDimension());
  }

  private FloatMatrix keyValueHead(FloatMatrix x, int head) {
    return head(x, head * stage.keyValueHeads() / stage.heads());
  }

  /** The causal softmax of scale · q kᵀ. */
  private FloatMatrix weights(FloatMatrix q, FloatMatrix k, LinearAlgebra algebra) {
    FloatMatrix weights = Rows.product(q, Rows.transpose(k), algebra);
    int n = weights.columns();
    for (int i = 0; i < n; i++) {
      for (int j = 0; j <= i; j++) {
        weights.values()[i * n + j] *= stage.scale();
      }
      Rows.softmax(weights.values(), i * n, i + 1);
      Arrays.fill(weights.values(), i * n + i + 1, (i + 1) * n, 0);
    }
    return weights;
  }

  /** The way back through one head. */
  private void attend(
      int head,
      FloatMatrix weights,
      FloatMatrix q,
      FloatMatrix k,
      FloatMatrix v,
      FloatMatrix dMixed,
      FloatMatrix dq,
      FloatMatrix dk,
      FloatMatrix dv,
      LinearAlgebra algebra) {
    Parallel serial = Parallel.SERIAL;
    FloatMatrix dOut = head(dMixed, head);
    algebra.addProduct(Rows.transpose(weights), dOut, keyValueHead(dv, head), serial);
    FloatMatrix dScores = Rows.product(dOut, Rows.transpose(keyValueHead(v, head)), algebra);
    int n = weights.columns();
    for (int i = 0; i < n; i++) {
      float mean = (float) Rows.dot(dScores.values(), i * n, weights.values(), i * n, i + 1);
      for (int j = 0; j < n; j++) {
        int at = i * n + j;
        dScores.values()[at] = stage.scale() * weights.values()[at] * (dScores.values()[at] - mean);
      }
    }
    algebra.addProduct(dScores, keyValueHead(k, head), head(dq, head), serial);
    algebra.addProduct(Rows.transpose(dScores), head(q, head), keyValueHead(dk, head), serial);
  }
}
