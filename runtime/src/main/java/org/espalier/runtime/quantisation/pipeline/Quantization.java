package org.espalier.runtime.quantisation.pipeline;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.codec.BlockQuantizer;
import org.espalier.api.codec.Packing;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.math.Parallel;
import org.espalier.api.model.ActivationSite;
import org.espalier.api.model.ModelContent.Weights;
import org.espalier.runtime.quantisation.BlockMatrixQuantizer;
import org.espalier.runtime.quantisation.MatrixQuantizer;
import org.espalier.runtime.quantisation.QuantizedMatrix;
import org.espalier.runtime.quantisation.RotatedHessian;
import org.espalier.runtime.quantisation.SignVectors;
import org.espalier.runtime.quantisation.WorkerThreads;
import org.espalier.runtime.quantisation.calibration.CalibrationTokens;
import org.espalier.runtime.quantisation.calibration.ExpertHessians;
import org.espalier.runtime.quantisation.calibration.Hessian;
import org.espalier.runtime.quantisation.calibration.SavedHessians;
import org.espalier.runtime.quantisation.tuning.TunedValues;

/**
 * Quantises a model: layer by layer, it observes what the layer's matrices multiply, quantises them
 * one by one, and keeps each result. When all are there it writes the file and reads it back.
 */
public final class Quantization {
  /**
   * Moments of gradients are known less well than those of inputs: they get so many times the
   * damping.
   */
  private static final double OUTPUT_DAMPING = 10;

  private final Path model;
  private final Path target;
  private final QuantizationTools tools;
  private final QuantizationOptions options;
  private final QuantizationListener listener;

  private Quantization(
      Path model,
      Path target,
      QuantizationTools tools,
      QuantizationOptions options,
      QuantizationListener listener) {
    this.model = model;
    this.target = target;
    this.tools = tools;
    this.options = options;
    this.listener = listener;
  }

  /**
   * Quantises a model. Results of single matrices gather in a folder beside the target; when the
   * work ends early, for whatever reason, they stay there for another run to go on with. Equal
   * models, tokens and options give equal files, whatever the number of threads and however often
   * the work was broken off.
   *
   * @param calibration tokens; may be empty when the options name a folder of saved Hessians
   * @return what became of every matrix, in the order of the file
   * @throws org.espalier.api.EspalierException with one sentence, when it cannot be done
   */
  public static List<MatrixReport> run(
      Path model,
      Optional<CalibrationTokens> calibration,
      Path target,
      QuantizationTools tools,
      QuantizationOptions options,
      QuantizationListener listener) {
    QuantizationOptions possible = possible(model, calibration, tools, options, listener);
    return new Quantization(model, target, tools, possible, listener).run(calibration);
  }

  /** Without what Java has too little memory for, and with nothing left open. */
  private static QuantizationOptions possible(
      Path model,
      Optional<CalibrationTokens> calibration,
      QuantizationTools tools,
      QuantizationOptions options,
      QuantizationListener listener) {
    Recipe recipe = options.recipe();
    try (ModelSource source = ModelSource.open(model, tools.providers())) {
      Optional<String> hindrance =
          recipe.predictions()
              ? PredictionCalibration.hindrance(
                  source,
                  calibration,
                  options.hessians().map(SavedHessians::new),
                  options.threads())
              : Optional.empty();
      hindrance.ifPresent(listener::notice);
      boolean tunable =
          recipe.tuning() > 0
              && ModelTuning.hindrance(source, calibration, options.threads()).isEmpty();
      return options.with(recipe.settled(hindrance.isEmpty(), tunable));
    }
  }

  /** Where the results of a shard gather, beside the target. */
  public static Path folder(Path target, Shard shard) {
    return WorkFolder.of(target, Optional.of(shard));
  }

  private List<MatrixReport> run(Optional<CalibrationTokens> tokens) {
    if (options.shard().isPresent()
        && (options.recipe().quantizedInputs() || options.recipe().tuning() > 0)) {
      throw new InvalidRequest(
          "a shard knows neither the quantised layers before its own nor the whole model: --shard goes with --inputs original and --tune 0");
    }
    try (ModelSource source = ModelSource.open(model, tools.providers());
        WorkerThreads workers = new WorkerThreads(options.threads())) {
      tokens.ifPresent(
          given -> given.requireWithin(source.plan().vocabulary(), source.plan().contextLength()));
      List<Operator> operators = source.operators(tools.codec(), options.recipe());
      if (operators.isEmpty()) {
        throw new Unsupported(
            "no matrix of %s can be held by the codec %s".formatted(model, tools.codec().id()));
      }
      noteFallbacks(source);
      CalibrationSource calibration =
          CalibrationSource.of(
              source.fingerprint(),
              tokens,
              options.hessians().map(SavedHessians::new),
              source.layers(),
              options.recipe());
      if (options.recipe().tuning() > 0) {
        ModelTuning.hindrance(source, tokens, options.threads()).ifPresent(listener::notice);
      }
      Map<String, String> description = description(calibration);
      Path folder = WorkFolder.of(target, options.shard());
      try (WorkFolder work =
          WorkFolder.open(folder, description, options.resume(), options.restart())) {
        List<Operator.Unit> units = share(source, operators);
        estimate(units, calibration, work, workers);
        List<MatrixReport> reports = layers(source, units, calibration, work, workers);
        if (options.shard().isEmpty()) {
          write(
              new Assembly(source, tools.codec(), options, description, work, listener),
              tokens,
              workers,
              reports);
          work.remove();
        }
        return reports;
      }
    }
  }

  private void write(
      Assembly assembly,
      Optional<CalibrationTokens> tokens,
      WorkerThreads workers,
      List<MatrixReport> reports) {
    ModelSource source = assembly.source();
    int passes =
        ModelTuning.hindrance(source, tokens, options.threads()).isEmpty()
            ? options.recipe().tuning()
            : 0;
    ModelFile file = assembly.write(target, tools.format(), reports, TunedValues.NONE, passes);
    if (passes > 0) {
      TunedValues tuned =
          new ModelTuning(source, target, tools, options, assembly.vocabulary(), workers, listener)
              .run(tokens.orElseThrow());
      file = assembly.write(target, tools.format(), reports, tuned, passes);
    }
    file.verify(target, tools.providers());
  }

  /** Says what is left to do. Trials read the weights through a mapping of their own. */
  private void estimate(
      List<Operator.Unit> share,
      CalibrationSource calibration,
      WorkFolder work,
      WorkerThreads workers) {
    try (ModelSource source = ModelSource.open(model, tools.providers())) {
      List<Integer> calibrated =
          IntStream.range(0, source.layers())
              .filter(layer -> calibration.saved().map(saved -> saved.has(layer)).orElse(false))
              .boxed()
              .toList();
      Estimate estimate =
          Estimate.of(
              source,
              source.operators(tools.codec(), options.recipe()),
              share.stream().filter(unit -> !work.has(unit)).toList(),
              calibrated,
              calibration.tokens(),
              tools,
              options,
              workers);
      estimate.tell(listener);
      estimate.requireRoom(
          target.toAbsolutePath().getParent(),
          options.shard().isPresent() ? 0 : source.artifact().size() / 4);
    }
  }

  /** What is to be quantised here, layer by layer. */
  private List<Operator.Unit> share(ModelSource source, List<Operator> operators) {
    List<Operator.Unit> all = new ArrayList<>();
    for (int layer = 0; layer < source.layers(); layer++) {
      all.addAll(units(operators, layer));
    }
    return options.shard().map(shard -> shard.share(all)).orElse(all);
  }

  private void noteFallbacks(ModelSource source) {
    for (Weights weights : source.content().weights()) {
      if (weights instanceof Weights.Matrix(String stem, EncodedLinear linear)
          && ModelSource.isQuantizable(linear)) {
        ModelSource.hindrance(linear, tools.codec(), options.recipe())
            .ifPresent(reason ->
                listener.notice(
                    "'%s' (%s) stays %s: %s"
                        .formatted(
                            stem,
                            linear.shape(),
                            ModelFile.plainType(linear, options.compatible()),
                            reason)));
      }
    }
  }

  /** All that results depend on. */
  private Map<String, String> description(CalibrationSource calibration) {
    Map<String, String> description = new LinkedHashMap<>(calibration.description());
    description.put("codec", tools.codec().id().value());
    description.put("search", tools.search().name());
    description.putAll(RecordedOptions.ofResults(options));
    options
        .shard()
        .ifPresent(shard -> {
          description.putAll(RecordedOptions.ofFile(options));
          description.put("shard", shard.toString());
        });
    return description;
  }

  private List<MatrixReport> layers(
      ModelSource source,
      List<Operator.Unit> share,
      CalibrationSource calibration,
      WorkFolder work,
      WorkerThreads workers) {
    int last = share.isEmpty() ? -1 : share.getLast().operator().id().layer();
    Optional<QuantizedLayers> quantized =
        options.recipe().quantizedInputs()
            ? Optional.of(
                new QuantizedLayers(
                    source.operators(tools.codec(), options.recipe()),
                    tools.codec(),
                    tools.providers().codecs(),
                    work,
                    options.seed()))
            : Optional.empty();
    Optional<PredictionCalibration> predictions =
        options.recipe().predictions()
            ? Optional.of(predictions(source, calibration, workers))
            : Optional.empty();
    Optional<LayerCalibration> passes =
        calibration
            .tokens()
            .filter(_ -> predictions.isEmpty())
            .map(tokens ->
                new LayerCalibration(
                    model, source, last, tools, tokens, work, workers, listener, quantized));
    List<MatrixReport> reports = new ArrayList<>();
    for (int current = 0; current <= last; current++) {
      int layer = current;
      List<Operator.Unit> units =
          share.stream().filter(unit -> unit.operator().id().layer() == layer).toList();
      List<Operator.Unit> open =
          units.stream().filter(unit -> work.result(unit).isEmpty()).toList();
      if (!open.isEmpty()) {
        if (open.size() < units.size()) {
          listener.stage(
              "layer %d: %d of %d matrices are finished"
                  .formatted(layer, units.size() - open.size(), units.size()));
        }
        layer(layer, open, new Observed(calibration, passes, predictions), work, workers);
      }
      List<MatrixReport> done = units.stream().map(unit -> report(unit, work)).toList();
      done.forEach(listener::finished);
      reports.addAll(done);
    }
    return reports;
  }

  private PredictionCalibration predictions(
      ModelSource source, CalibrationSource calibration, WorkerThreads workers) {
    return new PredictionCalibration(
        source,
        calibration,
        tools,
        options,
        FileMetadata.vocabulary(source, options),
        workers,
        listener);
  }

  /**
   * Where a layer's Hessians come from.
   *
   * @param passes through the layers, where their inputs are observed
   * @param predictions where those count
   */
  private record Observed(
      CalibrationSource calibration,
      Optional<LayerCalibration> passes,
      Optional<PredictionCalibration> predictions) {}

  /** Reads the weights through a mapping of its own, which is gone when the layer is done. */
  private void layer(
      int layer,
      List<Operator.Unit> open,
      Observed observed,
      WorkFolder work,
      WorkerThreads workers) {
    try (ModelSource source = ModelSource.open(model, tools.providers())) {
      Set<String> names = open.stream().map(Operator.Unit::name).collect(Collectors.toSet());
      List<Operator.Unit> all = units(source.operators(tools.codec(), options.recipe()), layer);
      List<Operator.Unit> units = all.stream().filter(unit -> names.contains(unit.name())).toList();
      requireFinite(units, workers);
      if (observed.predictions().isPresent()) {
        quantize(layer, units, observed.predictions().get().of(layer, units), work, workers);
        return;
      }
      Optional<LayerCalibration> passes = observed.passes();
      Map<ActivationSite, Hessian> hessians =
          hessians(source, layer, LayerCalibration.widths(all), observed.calibration(), passes);
      noteUnreached(layer, hessians);
      ExpertHessians.apply(hessians, options.policy(), options.recipe().shrinkage());
      Map<Operator.Unit, UnitMoments> moments = new HashMap<>();
      for (Operator.Unit unit : units) {
        Hessian hessian = hessians.get(unit.site());
        if (hessian == null) {
          throw new IllegalStateException("no Hessian for " + unit.name());
        }
        moments.put(unit, new UnitMoments(hessian, Optional.empty()));
      }
      quantize(layer, units, moments, work, workers);
      passes.ifPresent(p -> p.leave(layer));
    }
  }

  private static List<Operator.Unit> units(List<Operator> operators, int layer) {
    return operators.stream()
        .filter(operator -> operator.id().layer() == layer)
        .flatMap(operator -> operator.units().stream())
        .toList();
  }

  private static void requireFinite(List<Operator.Unit> units, Parallel workers) {
    workers.run(
        units.size(),
        i -> {
          Operator operator = units.get(i).operator();
          DenseWeights.requireFinite(operator.tensor(), operator.source(), units.get(i).expert());
        });
  }

  private Map<ActivationSite, Hessian> hessians(
      ModelSource source,
      int layer,
      Map<ActivationSite, Integer> widths,
      CalibrationSource calibration,
      Optional<LayerCalibration> passes) {
    Optional<SavedHessians> saved = calibration.saved();
    if (saved.isPresent() && saved.get().has(layer)) {
      return saved.get().load(layer, widths);
    }
    LayerCalibration running =
        passes.orElseThrow(() -> new IllegalStateException("no tokens for layer " + layer));
    running.reach(layer);
    Map<ActivationSite, Hessian> hessians =
        running.hessians(source, layer, widths, options.recipe().gated());
    saved.ifPresent(folder -> folder.save(layer, hessians));
    return hessians;
  }

  private void noteUnreached(int layer, Map<ActivationSite, Hessian> hessians) {
    List<Integer> experts = new ArrayList<>();
    hessians.forEach((site, hessian) -> {
      if (hessian.tokens() == 0 && site instanceof ActivationSite.ExpertInput(_, int expert)) {
        experts.add(expert);
      }
    });
    if (!experts.isEmpty()) {
      listener.notice(
          "layer %d: no calibration token reached the experts %s; they use the mean of the others"
              .formatted(layer, experts));
    }
  }

  private void quantize(
      int layer,
      List<Operator.Unit> units,
      Map<Operator.Unit, UnitMoments> moments,
      WorkFolder work,
      WorkerThreads workers) {
    MatrixQuantizer quantizer = options.quantizer(tools, workers);
    AtomicInteger done = new AtomicInteger();
    String stage = "quantising layer " + layer;
    progress(stage, 0, units.size());
    long start = System.nanoTime();
    workers.run(
        units.size(),
        i -> {
          Operator.Unit unit = units.get(i);
          work.keep(unit, quantize(unit, moments.get(unit), quantizer));
          progress(stage, done.incrementAndGet(), units.size());
        });
    double seconds = (System.nanoTime() - start) / 1e9;
    long weights = units.stream().mapToLong(Operator.Unit::weights).sum();
    listener.stage(
        String.format(
            Locale.ROOT,
            "layer %d: %.0f tiles/s",
            layer,
            weights / tools.search().grid().size() / seconds));
  }

  private synchronized void progress(String stage, long done, long total) {
    listener.progress(stage, done, total);
  }

  private UnitFile.Result quantize(
      Operator.Unit unit, UnitMoments moments, MatrixQuantizer quantizer) {
    QuantizedMatrix matrix =
        switch (unit.operator().layout()) {
          case Layout.Tiles(Packing packing) -> tiles(unit, packing, moments, quantizer);
          case Layout.Blocks(BlockQuantizer blocks) ->
              new BlockMatrixQuantizer(blocks, tools.algebra())
                  .quantize(
                      unit.name(),
                      DenseWeights.matrix(unit.operator().source(), unit.expert()),
                      new BlockMatrixQuantizer.Moments(
                          moments.inputs().matrix(),
                          options.damping(),
                          moments.outputs(),
                          OUTPUT_DAMPING * options.damping()));
        };
    return new UnitFile.Result(matrix, moments.inputs().tokens());
  }

  private QuantizedMatrix tiles(
      Operator.Unit unit, Packing packing, UnitMoments moments, MatrixQuantizer quantizer) {
    Operator operator = unit.operator();
    float[] input =
        SignVectors.of(
            options.seed(), operator.inputSigns(packing), unit.expert(), operator.columns());
    float[] output =
        SignVectors.of(
            options.seed(), operator.outputSigns(packing), unit.expert(), operator.rows());
    RotatedHessian inputs =
        quantizer.rotate(unit.name(), moments.inputs().matrix(), input, options.damping());
    Optional<RotatedHessian> outputs =
        moments
            .outputs()
            .map(matrix ->
                quantizer.rotateOutputs(
                    unit.name(), matrix, output, OUTPUT_DAMPING * options.damping()));
    return quantizer.quantize(
        unit.name(),
        DenseWeights.matrix(operator.source(), unit.expert()),
        inputs,
        outputs,
        output,
        packing);
  }

  private static MatrixReport report(Operator.Unit unit, WorkFolder work) {
    return MatrixReport.of(
        unit,
        work.result(unit)
            .orElseThrow(() -> new IllegalStateException("no result of " + unit.name())));
  }
}
