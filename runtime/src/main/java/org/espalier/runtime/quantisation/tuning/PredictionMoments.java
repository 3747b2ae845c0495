package org.espalier.runtime.quantisation.tuning;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.LongConsumer;
import java.util.function.Predicate;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;
import org.espalier.api.model.ModelPlan;

/**
 * What an error of a matrix does to a model's predictions. To second order, the KL divergence that
 * an error E costs is half the mean of (Σ gᵀ E x)², where x are the inputs of the matrix and g is
 * the gradient, with respect to its outputs, of the log-likelihood of tokens that are drawn from
 * the model's own predictions. It is taken for tr(G E H Eᵀ), with H the mean of x xᵀ weighted by
 * |g|² and G that of g gᵀ weighted by |x|².
 *
 * <p>A sequence is one thread's work, and sums are taken in the order of the sequences: the outcome
 * is the same at any thread count.
 */
public final class PredictionMoments {
  private final TunableModel model;
  private final List<int[]> sequences;
  private final Predicate<OperatorPart> wanted;
  private final LinearAlgebra algebra;
  private final Parallel parallel;
  private final Map<OperatorPart, Sums> sums = new LinkedHashMap<>();

  private PredictionMoments(
      TunableModel model,
      List<int[]> sequences,
      Predicate<OperatorPart> wanted,
      LinearAlgebra algebra,
      Parallel parallel) {
    this.model = model;
    this.sequences = sequences;
    this.wanted = wanted;
    this.algebra = algebra;
    this.parallel = parallel;
  }

  /**
   * Of one matrix.
   *
   * @param inputs H, n × n
   * @param outputs G, m × m, with 1 as the mean of its diagonal
   * @param tokens that reached it; where none did, both are zero
   */
  public record Moments(FloatMatrix inputs, FloatMatrix outputs, long tokens) {}

  /** What a sequence showed of a linear. */
  private record Seen(FloatMatrix x, FloatMatrix gradient) {}

  /** One matrix's, in the making. */
  private static final class Sums {
    private final FloatMatrix inputs;
    private final FloatMatrix outputs;
    private double inputWeight;
    private long tokens;

    Sums(int inputs, int outputs) {
      this.inputs = FloatMatrix.zeros(inputs, inputs);
      this.outputs = FloatMatrix.zeros(outputs, outputs);
    }
  }

  /**
   * Bytes that it takes, about: the model decoded, what the backward pass of each thread's sequence
   * needs and shows, and the moments.
   *
   * @param length of a sequence
   */
  public static long bytes(ModelPlan plan, int length, int threads) {
    long moments =
        plan.linears().stream()
            .mapToLong(linear -> {
              long in = linear.shape().inputs();
              long out = linear.shape().outputs();
              return linear.shape().experts() * (in * in + out * out);
            })
            .sum();
    return Tuning.bytes(plan, 0, length, 2 * threads) * 2 / 3 + Float.BYTES * moments;
  }

  /**
   * Reads text forwards and backwards.
   *
   * @param original a whole model with plain matrices
   * @param vocabulary leading tokens that count
   * @param wanted the matrices that are asked for
   * @param together sequences that are read at once; the outcome does not depend on it
   * @param progress is told how many sequences have been read; may throw to end the work
   */
  public static Map<OperatorPart, Moments> of(
      Tuning.Subject original,
      List<int[]> sequences,
      int vocabulary,
      Predicate<OperatorPart> wanted,
      int together,
      LinearAlgebra algebra,
      Parallel parallel,
      LongConsumer progress) {
    TunableModel model =
        new TunableModel(original.plan(), original.content(), vocabulary, false, algebra, parallel);
    PredictionMoments moments = new PredictionMoments(model, sequences, wanted, algebra, parallel);
    for (int first = 0; first < sequences.size(); first += together) {
      int end = Math.min(first + together, sequences.size());
      moments.read(first, end);
      progress.accept(end);
    }
    return moments.finish();
  }

  private void read(int first, int end) {
    List<Map<OperatorPart, Seen>> all = new ArrayList<>();
    for (int i = first; i < end; i++) {
      all.add(new HashMap<>());
    }
    parallel.run(end - first, k -> backward(first + k, all.get(k)));
    for (Map<OperatorPart, Seen> seen : all) {
      seen.forEach((part, rows) ->
          sums.computeIfAbsent(part, _ -> new Sums(rows.x().columns(), rows.gradient().columns())));
    }
    List<OperatorPart> parts = List.copyOf(sums.keySet());
    parallel.run(
        parts.size(),
        i -> {
          for (Map<OperatorPart, Seen> seen : all) {
            Seen rows = seen.get(parts.get(i));
            if (rows != null && rows.x().rows() > 0) {
              add(rows, sums.get(parts.get(i)));
            }
          }
        });
  }

  private void backward(int sequence, Map<OperatorPart, Seen> seen) {
    TunableModel.Pass pass = model.forward(sequences.get(sequence));
    FloatMatrix logits = pass.logits();
    Random random = new Random(sequence);
    for (int row = 0; row < logits.rows(); row++) {
      draw(logits, row, random.nextDouble());
    }
    float[] gradients = new float[model.parameters().values().length];
    pass.backward()
        .run(
            logits,
            new Block.Gradients(
                gradients,
                (part, x, gradient) -> {
                  if (wanted.test(part)) {
                    seen.put(part, new Seen(x, gradient));
                  }
                }));
  }

  /** Turns logits into the gradient of −log p of a token that is drawn from them. */
  private static void draw(FloatMatrix logits, int row, double uniform) {
    int at = logits.row(row);
    int n = logits.columns();
    float[] p = logits.values();
    Rows.softmax(p, at, n);
    int token = 0;
    for (double left = uniform - p[at]; left > 0 && token < n - 1; token++) {
      left -= p[at + token + 1];
    }
    p[at + token] -= 1;
  }

  private void add(Seen rows, Sums sum) {
    FloatMatrix x = rows.x();
    FloatMatrix g = rows.gradient();
    FloatMatrix weightedX = FloatMatrix.zeros(x.rows(), x.columns());
    FloatMatrix weightedG = FloatMatrix.zeros(g.rows(), g.columns());
    for (int i = 0; i < x.rows(); i++) {
      double xSquare = Rows.dot(x.values(), x.row(i), x.values(), x.row(i), x.columns());
      double gSquare = Rows.dot(g.values(), g.row(i), g.values(), g.row(i), g.columns());
      sum.inputWeight += gSquare;
      float byG = (float) Math.sqrt(gSquare);
      float byX = (float) Math.sqrt(xSquare);
      Rows.addScaled(weightedX.values(), weightedX.row(i), x.values(), x.row(i), byG, x.columns());
      Rows.addScaled(weightedG.values(), weightedG.row(i), g.values(), g.row(i), byX, g.columns());
    }
    algebra.addGram(weightedX, sum.inputs, Parallel.SERIAL);
    algebra.addGram(weightedG, sum.outputs, Parallel.SERIAL);
    sum.tokens += x.rows();
  }

  private Map<OperatorPart, Moments> finish() {
    Map<OperatorPart, Moments> moments = new LinkedHashMap<>();
    sums.forEach((part, sum) -> {
      algebra.mirror(sum.inputs, parallel);
      algebra.mirror(sum.outputs, parallel);
      scale(sum.inputs, sum.inputWeight);
      scale(sum.outputs, trace(sum.outputs) / sum.outputs.rows());
      moments.put(part, new Moments(sum.inputs, sum.outputs, sum.tokens));
    });
    sums.clear();
    return moments;
  }

  private static double trace(FloatMatrix matrix) {
    double trace = 0;
    for (int i = 0; i < matrix.rows(); i++) {
      trace += matrix.get(i, i);
    }
    return trace;
  }

  private static void scale(FloatMatrix matrix, double divisor) {
    double factor = divisor == 0 ? 0 : 1 / divisor;
    float[] values = matrix.values();
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (values[i] * factor);
    }
  }
}
