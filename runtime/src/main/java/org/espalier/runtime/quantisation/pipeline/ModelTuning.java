package org.espalier.runtime.quantisation.pipeline;

import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.model.ModelPlan;
import org.espalier.runtime.loading.Architectures;
import org.espalier.runtime.loading.Formats;
import org.espalier.runtime.loading.TensorBinder;
import org.espalier.runtime.quantisation.WorkerThreads;
import org.espalier.runtime.quantisation.calibration.CalibrationTokens;
import org.espalier.runtime.quantisation.tuning.TunedValues;
import org.espalier.runtime.quantisation.tuning.Tuning;
import org.espalier.runtime.quantisation.tuning.TuningOptions;

/** Tunes the F32 numbers of a file that has just been written. */
final class ModelTuning {
  private static final int BATCH = 2;
  private static final int WARM_UP = 10;
  private static final double NORMS = 0.005;
  private static final double SIGNS = 0.005;
  private static final double ROUTERS = 0.003;

  private final ModelSource source;
  private final Path file;
  private final QuantizationTools tools;
  private final QuantizationOptions options;
  private final int vocabulary;
  private final WorkerThreads workers;
  private final QuantizationListener listener;

  ModelTuning(
      ModelSource source,
      Path file,
      QuantizationTools tools,
      QuantizationOptions options,
      int vocabulary,
      WorkerThreads workers,
      QuantizationListener listener) {
    this.source = source;
    this.file = file;
    this.tools = tools;
    this.options = options;
    this.vocabulary = vocabulary;
    this.workers = workers;
    this.listener = listener;
  }

  /** Why a file will not be tuned although it was asked for; empty where it will. */
  static Optional<String> hindrance(
      ModelSource source, Optional<CalibrationTokens> tokens, int threads) {
    if (tokens.isEmpty()) {
      return Optional.of("the file will not be tuned: that needs --calibration");
    }
    long needed = bytes(source, tokens.get(), threads);
    long free = Runtime.getRuntime().maxMemory();
    if (needed <= free) {
      return Optional.empty();
    }
    return Optional.of(
        String.format(
            Locale.ROOT,
            "the file will not be tuned: that holds the model decoded in memory and takes %.1f GB, and Java has %.1f GB",
            needed / 1e9,
            free / 1e9));
  }

  /** What it takes, about. */
  static long bytes(ModelSource source, CalibrationTokens tokens, int threads) {
    return Tuning.bytes(source.plan(), tokens.count(), tokens.length(), threads);
  }

  /** How files are tuned. */
  static TuningOptions options(QuantizationOptions options) {
    return new TuningOptions(
        options.recipe().tuning(), BATCH, WARM_UP, NORMS, SIGNS, ROUTERS, 0, options.seed());
  }

  /** The new numbers. */
  TunedValues run(CalibrationTokens tokens) {
    try (ModelArtifact artifact = Formats.open(file, tools.providers().formats())) {
      ModelPlan plan =
          Architectures.plan(
              artifact,
              tools.providers().architectures(),
              new TensorBinder(artifact, tools.providers().codecs()));
      return Tuning.run(
          new Tuning.Subject(plan, Architectures.content(plan, tools.providers().architectures())),
          new Tuning.Subject(source.plan(), source.content()),
          tokens.sequences(),
          Math.min(vocabulary, plan.vocabulary()),
          options(options),
          tools.algebra(),
          workers,
          new Tuning.Progress() {
            @Override
            public void read(long done, long total) {
              listener.progress("tuning", done, total);
            }

            @Override
            public void heldOut(int pass, double divergence) {
              listener.stage(
                  String.format(
                      Locale.ROOT,
                      "KL to the original on held-out text after %d passes of tuning: %.5f",
                      pass,
                      divergence));
            }
          });
    }
  }
}
