package org.espalier.runtime.quantisation.pipeline;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.math.FloatMatrix;
import org.espalier.runtime.quantisation.WorkerThreads;
import org.espalier.runtime.quantisation.calibration.CalibrationTokens;
import org.espalier.runtime.quantisation.calibration.Hessian;
import org.espalier.runtime.quantisation.calibration.SavedHessians;
import org.espalier.runtime.quantisation.tuning.OperatorPart;
import org.espalier.runtime.quantisation.tuning.PredictionMoments;
import org.espalier.runtime.quantisation.tuning.Tuning;

/** Finds out what the errors of each matrix do to the model's predictions. */
final class PredictionCalibration {
  private final ModelSource source;
  private final CalibrationSource calibration;
  private final QuantizationTools tools;
  private final QuantizationOptions options;
  private final int vocabulary;
  private final WorkerThreads workers;
  private final QuantizationListener listener;

  /** Of the whole model; empty until they are needed. */
  private Map<OperatorPart, PredictionMoments.Moments> moments = Map.of();

  PredictionCalibration(
      ModelSource source,
      CalibrationSource calibration,
      QuantizationTools tools,
      QuantizationOptions options,
      int vocabulary,
      WorkerThreads workers,
      QuantizationListener listener) {
    this.source = source;
    this.calibration = calibration;
    this.tools = tools;
    this.options = options;
    this.vocabulary = vocabulary;
    this.workers = workers;
    this.listener = listener;
  }

  /** Why it cannot be done although it was asked for; empty where it can. */
  static Optional<String> hindrance(
      ModelSource source,
      Optional<CalibrationTokens> tokens,
      Optional<SavedHessians> saved,
      int threads) {
    boolean complete = saved.isPresent();
    for (int layer = 0; complete && layer < source.layers(); layer++) {
      complete = saved.get().has(layer);
    }
    if (complete || tokens.isEmpty()) {
      return Optional.empty();
    }
    long needed = PredictionMoments.bytes(source.plan(), tokens.get().length(), threads);
    long free = Runtime.getRuntime().maxMemory();
    if (needed <= free) {
      return Optional.empty();
    }
    return Optional.of(
        String.format(
            Locale.ROOT,
            "errors will count by what they do to the outputs of their matrix (--objective outputs): to see what they do to predictions holds the model decoded in memory and takes %.1f GB, and Java has %.1f GB",
            needed / 1e9,
            free / 1e9));
  }

  /** Those of some units of a layer. */
  Map<Operator.Unit, UnitMoments> of(int layer, List<Operator.Unit> units) {
    Optional<SavedHessians> saved = calibration.saved();
    if (saved.isPresent() && !saved.get().has(layer)) {
      saved.get().saveNamed(layer, named(all(layer)));
    }
    Map<Operator.Unit, UnitMoments> result = new LinkedHashMap<>();
    if (saved.isPresent()) {
      Map<String, Integer> widths = new LinkedHashMap<>();
      units.forEach(unit -> {
        widths.put(inputs(unit), unit.operator().columns());
        widths.put(outputs(unit), unit.operator().rows());
      });
      Map<String, Hessian> hessians = saved.get().loadNamed(layer, widths);
      units.forEach(unit ->
          result.put(
              unit,
              new UnitMoments(
                  hessians.get(inputs(unit)), Optional.of(hessians.get(outputs(unit)).matrix()))));
      return result;
    }
    units.forEach(unit -> result.put(unit, moments(unit)));
    return result;
  }

  private List<Operator.Unit> all(int layer) {
    return source.operators(tools.codec(), options.recipe()).stream()
        .filter(operator -> operator.id().layer() == layer)
        .flatMap(operator -> operator.units().stream())
        .toList();
  }

  private Map<String, Hessian> named(List<Operator.Unit> units) {
    Map<String, Hessian> named = new LinkedHashMap<>();
    units.forEach(unit -> {
      UnitMoments moments = moments(unit);
      named.put(inputs(unit), moments.inputs());
      named.put(
          outputs(unit), new Hessian(moments.outputs().orElseThrow(), moments.inputs().tokens()));
    });
    return named;
  }

  private static String inputs(Operator.Unit unit) {
    return unit.name() + ".inputs";
  }

  private static String outputs(Operator.Unit unit) {
    return unit.name() + ".outputs";
  }

  /** An expert that no token reached gets the mean over those of its bank that some reached. */
  private UnitMoments moments(Operator.Unit unit) {
    if (moments.isEmpty()) {
      moments = read();
    }
    PredictionMoments.Moments own = moments.get(part(unit));
    if (own.tokens() > 0) {
      return new UnitMoments(new Hessian(own.inputs(), own.tokens()), Optional.of(own.outputs()));
    }
    List<PredictionMoments.Moments> others = new ArrayList<>();
    for (Operator.Unit other : unit.operator().units()) {
      PredictionMoments.Moments of = moments.get(part(other));
      if (of.tokens() > 0) {
        others.add(of);
      }
    }
    if (others.isEmpty()) {
      throw new InvalidRequest(
          "no token of the calibration reached %s: calibrate on more text"
              .formatted(unit.operator().stem()));
    }
    listener.notice(
        "no calibration token reached %s; it uses the mean of the other experts"
            .formatted(unit.name()));
    return new UnitMoments(
        new Hessian(mean(others.stream().map(PredictionMoments.Moments::inputs).toList()), 0),
        Optional.of(mean(others.stream().map(PredictionMoments.Moments::outputs).toList())));
  }

  private static OperatorPart part(Operator.Unit unit) {
    return new OperatorPart(unit.operator().id(), unit.expert());
  }

  private static FloatMatrix mean(List<FloatMatrix> matrices) {
    FloatMatrix first = matrices.getFirst();
    FloatMatrix mean = FloatMatrix.zeros(first.rows(), first.columns());
    for (int i = 0; i < mean.values().length; i++) {
      double sum = 0;
      for (FloatMatrix matrix : matrices) {
        sum += matrix.values()[i];
      }
      mean.values()[i] = (float) (sum / matrices.size());
    }
    return mean;
  }

  private Map<OperatorPart, PredictionMoments.Moments> read() {
    CalibrationTokens tokens =
        calibration
            .tokens()
            .orElseThrow(() -> new IllegalStateException("no tokens to calibrate with"));
    List<int[]> sequences = tokens.sequences();
    Set<OperatorPart> wanted = new HashSet<>();
    for (Operator operator : source.operators(tools.codec(), options.recipe())) {
      operator.units().forEach(unit -> wanted.add(part(unit)));
    }
    String stage = "reading forwards and backwards";
    listener.progress(stage, 0, sequences.size());
    return PredictionMoments.of(
        new Tuning.Subject(source.plan(), source.content()),
        sequences,
        vocabulary,
        wanted::contains,
        workers.threads(),
        tools.algebra(),
        workers,
        done -> listener.progress(stage, done, sequences.size()));
  }
}
