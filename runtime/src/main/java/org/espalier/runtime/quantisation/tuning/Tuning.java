package org.espalier.runtime.quantisation.tuning;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;
import org.espalier.api.model.ModelContent;
import org.espalier.api.model.ModelPlan;

/**
 * Tunes a model towards the one that it was made of: by the gradient of KL(original ‖ model), step
 * by step over batches of the calibration text. A share of the text is held out; what did best
 * there is the result, be it what was there before.
 */
public final class Tuning {
  /** Of so many sequences one is held out. */
  private static final int HELD_OUT = 16;

  /** A forward pass takes about so much of a pass forwards and backwards. */
  private static final double SHARE_OF_FORWARD = 0.3;

  /** The original's head is run, too. */
  private static final double FORWARDS_OF_DIVERGENCE = 1.3;

  private final TunableModel model;
  private final Reference reference;
  private final TuningOptions options;
  private final Parallel parallel;
  private final Progress progress;

  private Tuning(
      TunableModel model,
      Reference reference,
      TuningOptions options,
      Parallel parallel,
      Progress progress) {
    this.model = model;
    this.reference = reference;
    this.options = options;
    this.parallel = parallel;
    this.progress = progress;
  }

  /** Is told how it goes. */
  public interface Progress {
    /** Some sequences have been read; may throw to end the work. */
    void read(long done, long total);

    /** The mean KL on what is held out, before the first pass (0) and after every pass. */
    void heldOut(int pass, double divergence);
  }

  /**
   * A model and how its file names its tensors.
   *
   * @param plan of a whole model
   */
  public record Subject(ModelPlan plan, ModelContent content) {}

  /** What the original makes of the text: only the rows before its head are kept. */
  record Reference(TunableModel original, List<int[]> sequences, FloatMatrix[] hidden) {
    static Reference of(TunableModel original, List<int[]> sequences, Parallel parallel) {
      FloatMatrix[] hidden = new FloatMatrix[sequences.size()];
      parallel.run(hidden.length, i -> hidden[i] = original.forward(sequences.get(i)).hidden());
      return new Reference(original.headOnly(), sequences, hidden);
    }

    FloatMatrix logits(int sequence) {
      return original.logits(hidden[sequence]);
    }
  }

  /**
   * Bytes that tuning takes, about: both models decoded, and what the backward pass of each
   * thread's sequence needs.
   */
  public static long bytes(ModelPlan plan, long tokens, int length, int threads) {
    long weights = plan.linears().stream().mapToLong(linear -> linear.shape().weights()).sum();
    long sequence =
        (long) length * (40L * plan.width() * plan.stages().size() + 3L * plan.vocabulary());
    long scores = 3L * length * length * plan.stages().size();
    return Float.BYTES * (3 * weights + tokens * plan.width() + threads * (sequence + scores));
  }

  /**
   * How many steps the work of tuning amounts to, forward passes included.
   *
   * @param sequences of the calibration
   */
  public static double stepsWorth(int sequences, TuningOptions options) {
    int heldOut = heldOut(sequences);
    double steps = (double) options.passes() * ((sequences - heldOut) / options.batch());
    double forwards = sequences + heldOut * (1.0 + options.passes()) * FORWARDS_OF_DIVERGENCE;
    return steps + forwards * SHARE_OF_FORWARD / options.batch();
  }

  private static int heldOut(int sequences) {
    return Math.max(1, sequences / HELD_OUT);
  }

  /**
   * Tunes a model.
   *
   * @param original what it shall be like
   * @param sequences of the calibration
   * @param vocabulary leading tokens that count
   * @throws InvalidRequest when there is too little text to hold any out
   */
  public static TunedValues run(
      Subject subject,
      Subject original,
      List<int[]> sequences,
      int vocabulary,
      TuningOptions options,
      LinearAlgebra algebra,
      Parallel parallel,
      Progress progress) {
    if (sequences.size() < 2 * options.batch()) {
      throw new InvalidRequest(
          "tuning needs at least %d sequences, and there are %d: calibrate on more text, or leave it out with --tune 0"
              .formatted(2 * options.batch(), sequences.size()));
    }
    Reference reference =
        Reference.of(
            new TunableModel(
                original.plan(), original.content(), vocabulary, false, algebra, parallel),
            sequences,
            parallel);
    TunableModel model =
        new TunableModel(
            subject.plan(), subject.content(), vocabulary, options.head() > 0, algebra, parallel);
    return new Tuning(model, reference, options, parallel, progress).run();
  }

  private TunedValues run() {
    int heldOut = heldOut(reference.sequences().size());
    int training = reference.sequences().size() - heldOut;
    List<Integer> rest = IntStream.range(training, reference.sequences().size()).boxed().toList();
    float[] values = model.parameters().values();
    float[] rates = rates();
    Adam adam = new Adam(values.length);
    int steps = training / options.batch();
    double best = divergence(rest);
    float[] kept = values.clone();
    progress.heldOut(0, best);
    for (int pass = 0; pass < options.passes(); pass++) {
      List<Integer> order = order(training, pass);
      for (int i = 0; i < steps; i++) {
        float[] gradient = new float[values.length];
        gradient(order.subList(i * options.batch(), (i + 1) * options.batch()), gradient);
        int done = pass * steps + i;
        adam.step(values, gradient, rates, schedule(done, options.passes() * steps));
        progress.read(
            (long) (done + 1) * options.batch(), (long) options.passes() * steps * options.batch());
      }
      double divergence = divergence(rest);
      progress.heldOut(pass + 1, divergence);
      if (divergence < best) {
        best = divergence;
        kept = values.clone();
      }
    }
    System.arraycopy(kept, 0, values, 0, values.length);
    return model.parameters().tuned();
  }

  /** Rises over the first steps, then falls to nothing in a straight line. */
  private double schedule(int done, int total) {
    double rise = Math.min(1, (done + 1.0) / Math.min(options.warmUp(), total));
    return rise * (1 - (double) done / total);
  }

  private List<Integer> order(int count, int pass) {
    List<Integer> order = new ArrayList<>(IntStream.range(0, count).boxed().toList());
    Collections.shuffle(order, new Random(options.seed() * 31 + pass));
    return order;
  }

  /** Mean KL over some sequences. */
  private double divergence(List<Integer> indices) {
    double[] sums = new double[indices.size()];
    parallel.run(
        sums.length,
        k -> {
          int index = indices.get(k);
          TunableModel.Pass pass = model.forward(reference.sequences().get(index));
          sums[k] = Divergence.gradient(reference.logits(index), pass.logits(), 1);
        });
    return Arrays.stream(sums).sum() / positions(indices);
  }

  private long positions(List<Integer> indices) {
    return indices.stream().mapToLong(i -> reference.sequences().get(i).length).sum();
  }

  /** Adds the gradient of the mean KL of some sequences. */
  private void gradient(List<Integer> batch, float[] gradient) {
    float[][] parts = new float[batch.size()][gradient.length];
    float factor = 1f / positions(batch);
    parallel.run(
        batch.size(),
        k -> {
          int index = batch.get(k);
          TunableModel.Pass pass = model.forward(reference.sequences().get(index));
          Divergence.gradient(reference.logits(index), pass.logits(), factor);
          pass.backward()
              .run(pass.logits(), new Block.Gradients(parts[k], TunableLinear.Watcher.NONE));
        });
    for (float[] part : parts) {
      Rows.addScaled(gradient, 0, part, 0, 1, gradient.length);
    }
  }

  private float[] rates() {
    Parameters parameters = model.parameters();
    float[] rates = new float[parameters.values().length];
    for (Parameters.Group group : parameters.groups()) {
      float[] values = parameters.of(group);
      double square = Rows.dot(values, 0, values, 0, values.length) / values.length;
      double rate =
          switch (group.key().kind()) {
            case NORM -> options.norms();
            case INPUT_SIGNS, OUTPUT_SIGNS -> options.signs();
            case ROUTER -> options.routers();
            case HEAD -> options.head();
          };
      int end = group.offset() + group.length();
      Arrays.fill(rates, group.offset(), end, (float) (rate * Math.sqrt(square)));
    }
    return rates;
  }
}
