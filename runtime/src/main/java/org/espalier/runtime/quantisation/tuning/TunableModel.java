package org.espalier.runtime.quantisation.tuning;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;
import org.espalier.api.model.ModelContent;
import org.espalier.api.model.ModelContent.Weights;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Norm;
import org.espalier.api.model.Stage;
import org.espalier.runtime.quantisation.tuning.TunedValues.Key;
import org.espalier.runtime.quantisation.tuning.TunedValues.Kind;

/** A whole model in memory, decoded, with a way back from the loss to its parameters. */
final class TunableModel {
  private static final int NOT_TUNED = -1;

  private final Parameters parameters = new Parameters();
  private final FloatMatrix embedding;
  private final List<Block> blocks = new ArrayList<>();
  private final TunableNorm headNorm;
  private final FloatMatrix head;
  private final FloatMatrix headTransposed;
  private final int headWeights;
  private final LinearAlgebra algebra;
  private final Map<Norm, String> norms = new HashMap<>();
  private final Map<OperatorId, String> linears = new HashMap<>();

  /**
   * Decodes a model.
   *
   * @param content of the file that it is in, which names its tensors
   * @param vocabulary leading rows of the head that count
   * @param tunesHead whether the head is a parameter
   */
  TunableModel(
      ModelPlan plan,
      ModelContent content,
      int vocabulary,
      boolean tunesHead,
      LinearAlgebra algebra,
      Parallel parallel) {
    this.algebra = algebra;
    for (Weights weights : content.weights()) {
      switch (weights) {
        case Weights.Vector(String stem, Norm norm) -> norms.put(norm, stem);
        case Weights.Matrix(String stem, EncodedLinear linear) -> linears.put(linear.id(), stem);
      }
    }
    List<Stage> stages = plan.stages();
    if (!(stages.getFirst() instanceof Stage.Embedding(EncodedLinear table))
        || !(stages.getLast() instanceof Stage.Head(Norm norm, EncodedLinear output))) {
      throw new Unsupported("only models from an embedding to a head can be tuned");
    }
    this.embedding = LinearMatrix.plain(table, 0);
    for (Stage stage : stages.subList(1, stages.size() - 1)) {
      blocks.add(
          switch (stage) {
            case Stage.Attention attention -> attention(attention, plan.contextLength(), parallel);
            case Stage.MixtureOfExperts experts -> experts(experts, parallel);
            case Stage.Embedding _, Stage.Head _ ->
                throw new Unsupported(
                    "a model with an embedding or a head in between cannot be tuned");
          });
    }
    this.headNorm = norm(norm);
    this.head = LinearMatrix.plain(output, 0).rows(0, vocabulary);
    this.headTransposed = Rows.transpose(head);
    this.headWeights =
        tunesHead
            ? parameters.add(
                new Key(stem(output), Kind.HEAD, 0),
                Arrays.copyOf(head.values(), vocabulary * head.columns()))
            : NOT_TUNED;
  }

  private TunableModel(TunableModel whole) {
    this.algebra = whole.algebra;
    this.embedding = FloatMatrix.zeros(0, whole.embedding.columns());
    this.headNorm = whole.headNorm;
    this.head = whole.head;
    this.headTransposed = whole.headTransposed;
    this.headWeights = NOT_TUNED;
  }

  /** A model of which only {@link #logits} is of use, without the rest's memory. */
  TunableModel headOnly() {
    return new TunableModel(this);
  }

  private TunableNorm norm(Norm norm) {
    Key key = new Key(norms.getOrDefault(norm, ""), Kind.NORM, 0);
    return new TunableNorm(parameters.add(key, norm.weights()), norm.epsilon());
  }

  private String stem(EncodedLinear linear) {
    return linears.getOrDefault(linear.id(), "");
  }

  private Block attention(Stage.Attention stage, int positions, Parallel parallel) {
    return new AttentionBlock(
        stage,
        norm(stage.norm()),
        linear(stage.query(), 0, parallel),
        linear(stage.key(), 0, parallel),
        linear(stage.value(), 0, parallel),
        linear(stage.output(), 0, parallel),
        stage.queryNorm().map(this::norm),
        stage.keyNorm().map(this::norm),
        positions);
  }

  private Block experts(Stage.MixtureOfExperts stage, Parallel parallel) {
    return new ExpertsBlock(
        stage,
        norm(stage.norm()),
        parameters.add(
            new Key(stem(stage.router()), Kind.ROUTER, 0),
            LinearMatrix.plain(stage.router(), 0).values()),
        bank(stage.gate(), parallel),
        bank(stage.up(), parallel),
        bank(stage.down(), parallel));
  }

  private List<TunableLinear> bank(EncodedLinear bank, Parallel parallel) {
    return IntStream.range(0, bank.shape().experts())
        .mapToObj(expert -> linear(bank, expert, parallel))
        .toList();
  }

  private TunableLinear linear(EncodedLinear linear, int expert, Parallel parallel) {
    LinearMatrix matrix = LinearMatrix.of(linear, expert, algebra, parallel);
    return new TunableLinear(
        new OperatorPart(linear.id(), expert),
        matrix.core(),
        scales(linear, Kind.OUTPUT_SIGNS, expert, matrix.left()),
        scales(linear, Kind.INPUT_SIGNS, expert, matrix.right()));
  }

  private int scales(EncodedLinear linear, Kind kind, int expert, Optional<float[]> scales) {
    return scales
        .map(values -> parameters.add(new Key(stem(linear), kind, expert), values))
        .orElse(TunableLinear.ONES);
  }

  Parameters parameters() {
    return parameters;
  }

  /**
   * A forward pass.
   *
   * @param hidden what the head multiplies
   * @param logits one row for each position
   * @param backward from the gradient of the logits to the sums of gradients
   */
  record Pass(FloatMatrix hidden, FloatMatrix logits, Backward backward) {}

  /** The way back. */
  @FunctionalInterface
  interface Backward {
    void run(FloatMatrix dLogits, Block.Gradients gradients);
  }

  /** Runs one sequence. */
  Pass forward(int[] tokens) {
    float[] values = parameters.values();
    int width = embedding.columns();
    FloatMatrix x = FloatMatrix.zeros(tokens.length, width);
    for (int i = 0; i < tokens.length; i++) {
      System.arraycopy(embedding.values(), tokens[i] * width, x.values(), i * width, width);
    }
    List<Block.Output> outputs = new ArrayList<>();
    for (Block block : blocks) {
      Block.Output output = block.forward(values, x, algebra);
      outputs.add(output);
      x = output.y();
    }
    TunableNorm.Use normed = headNorm.forward(values, x);
    return new Pass(
        normed.y(),
        logits(normed.y()),
        (dLogits, gradients) -> {
          FloatMatrix weights = headWeights == NOT_TUNED ? head : tunedHead(values);
          FloatMatrix dh = Rows.product(dLogits, weights, algebra);
          if (headWeights != NOT_TUNED) {
            algebra.addProduct(
                Rows.transpose(dLogits), normed.y(), tunedHead(gradients.sums()), Parallel.SERIAL);
          }
          FloatMatrix dx = headNorm.backward(values, normed, dh, gradients.sums());
          for (Block.Output output : outputs.reversed()) {
            dx = output.backward().apply(dx, gradients);
          }
        });
  }

  private FloatMatrix tunedHead(float[] values) {
    return new FloatMatrix(values, headWeights, head.rows(), head.columns(), head.columns());
  }

  /** What the head makes of rows. */
  FloatMatrix logits(FloatMatrix hidden) {
    FloatMatrix weights =
        headWeights == NOT_TUNED ? headTransposed : Rows.transpose(tunedHead(parameters.values()));
    return Rows.product(hidden, weights, algebra);
  }
}
