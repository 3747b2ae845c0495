package org.espalier.runtime.quantisation.pipeline;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntToDoubleFunction;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;
import org.espalier.runtime.quantisation.WorkerThreads;
import org.espalier.runtime.quantisation.calibration.CalibrationTokens;
import org.espalier.runtime.quantisation.tuning.PredictionMoments;
import org.espalier.runtime.quantisation.tuning.Tuning;
import org.espalier.runtime.quantisation.tuning.TuningOptions;

/**
 * Times what goes through the whole model and back, on models of one layer and of none: what they
 * differ by is a layer's share.
 */
final class WholeModelTrial {
  /** The code is compiled during the first ones. */
  private static final int ROUNDS = 3;

  private final ModelSource source;
  private final List<int[]> sequences;
  private final QuantizationTools tools;
  private final QuantizationOptions options;
  private final WorkerThreads workers;

  WholeModelTrial(
      ModelSource source,
      CalibrationTokens tokens,
      QuantizationTools tools,
      QuantizationOptions options,
      WorkerThreads workers) {
    this.source = source;
    this.sequences = tokens.sequences();
    this.tools = tools;
    this.options = options;
    this.workers = workers;
  }

  /** Seconds that all of {@link PredictionMoments} will take. */
  double moments() {
    int together = Math.min(workers.threads(), sequences.size());
    double round =
        extrapolated(layers -> {
          List<Long> ends = new ArrayList<>();
          PredictionMoments.of(
              model(layers),
              some(together * ROUNDS),
              source.plan().vocabulary(),
              _ -> true,
              together,
              tools.algebra(),
              workers,
              _ -> ends.add(System.nanoTime()));
          return last(ends);
        });
    return round * Math.ceilDiv(sequences.size(), together);
  }

  /** Seconds that all of {@link Tuning} will take. */
  double tuning() {
    TuningOptions whole = ModelTuning.options(options);
    double step =
        extrapolated(layers -> {
          List<Long> ends = new ArrayList<>();
          Tuning.run(
              model(layers),
              model(layers),
              some(whole.batch() * ROUNDS + 1),
              source.plan().vocabulary(),
              whole.withPasses(1),
              tools.algebra(),
              workers,
              new Tuning.Progress() {
                @Override
                public void read(long done, long total) {
                  ends.add(System.nanoTime());
                }

                @Override
                public void heldOut(int pass, double divergence) {
                  // What random numbers say is of no interest.
                }
              });
          return last(ends);
        });
    return step * Tuning.stepsWorth(sequences.size(), whole);
  }

  /** The calibration's first sequences, over and over if there are too few. */
  private List<int[]> some(int count) {
    List<int[]> some = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      some.add(sequences.get(i % sequences.size()));
    }
    return some;
  }

  private static double last(List<Long> ends) {
    return (ends.getLast() - ends.get(ends.size() - 2)) / 1e9;
  }

  /** From seconds of a model with so many layers. The first run is the compiler's. */
  private double extrapolated(IntToDoubleFunction seconds) {
    seconds.applyAsDouble(1);
    double one = seconds.applyAsDouble(1);
    double none = Math.min(one, seconds.applyAsDouble(0));
    return none + source.layers() * (one - none);
  }

  /** The original with its first layers alone. */
  private Tuning.Subject model(int layers) {
    ModelPlan whole = source.plan();
    List<Stage> stages = new ArrayList<>(source.embedding().stages());
    for (int layer = 0; layer < layers; layer++) {
      stages.addAll(source.layer(layer).stages());
    }
    stages.add(whole.stages().getLast());
    return new Tuning.Subject(
        new ModelPlan(
            whole.architecture(), whole.width(), whole.vocabulary(), whole.contextLength(), stages),
        source.content());
  }
}
