package org.espalier.runtime.quantisation.pipeline;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.math.Parallel;
import org.espalier.api.model.ActivationSite;
import org.espalier.api.model.ModelContent.Weights;
import org.espalier.runtime.quantisation.MatrixQuantizer;
import org.espalier.runtime.quantisation.QuantizedMatrix;
import org.espalier.runtime.quantisation.RotatedHessian;
import org.espalier.runtime.quantisation.SignVectors;
import org.espalier.runtime.quantisation.WorkerThreads;
import org.espalier.runtime.quantisation.calibration.CalibrationTokens;
import org.espalier.runtime.quantisation.calibration.ExpertHessians;
import org.espalier.runtime.quantisation.calibration.Hessian;
import org.espalier.runtime.quantisation.calibration.SavedHessians;

/**
 * Quantises a model: layer by layer, it observes what the layer's matrices multiply, quantises them
 * one by one, and keeps each result. When all are there it writes the file and reads it back.
 */
public final class Quantization {
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
    return new Quantization(model, target, tools, options, listener).run(calibration);
  }

  private List<MatrixReport> run(Optional<CalibrationTokens> tokens) {
    try (ModelSource source = ModelSource.open(model, tools.providers());
        WorkerThreads workers = new WorkerThreads(options.threads())) {
      tokens.ifPresent(
          given -> given.requireWithin(source.plan().vocabulary(), source.plan().contextLength()));
      List<Operator> operators = source.operators(tools.codec());
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
              source.layers());
      Estimate estimate = Estimate.of(source, operators, tokens, tools, options, workers);
      estimate.tell(listener);
      estimate.requireRoom(target, source.artifact().size() / 4);
      try (WorkFolder work =
          WorkFolder.open(target, description(calibration), options.resume(), options.restart())) {
        List<MatrixReport> reports = layers(source, operators, calibration, work, workers);
        write(source, calibration, work, reports);
        work.remove();
        return reports;
      }
    }
  }

  private void noteFallbacks(ModelSource source) {
    for (Weights weights : source.content().weights()) {
      if (weights instanceof Weights.Matrix(String stem, EncodedLinear linear)
          && ModelSource.isQuantizable(linear)
          && tools.codec().packing(linear.shape()) instanceof Offer.Declined<?>(String reason)) {
        listener.notice(
            "'%s' (%s) stays %s: %s"
                .formatted(
                    stem,
                    linear.shape(),
                    ModelFile.plainType(linear, options.compatible()),
                    reason));
      }
    }
  }

  /** All that results depend on. */
  private Map<String, String> description(CalibrationSource calibration) {
    Map<String, String> description = new LinkedHashMap<>(calibration.description());
    description.put("codec", tools.codec().id().value());
    description.put("search", tools.search().name());
    description.put("seed", Long.toString(options.seed()));
    description.put("hessian", Named.of(options.policy()));
    description.put("damping", Double.toString(options.damping()));
    description.put("refinements", Integer.toString(options.refinements()));
    return description;
  }

  private List<MatrixReport> layers(
      ModelSource source,
      List<Operator> operators,
      CalibrationSource calibration,
      WorkFolder work,
      WorkerThreads workers) {
    Optional<LayerCalibration> passes =
        calibration
            .tokens()
            .map(tokens ->
                new LayerCalibration(model, source, tools, tokens, work, workers, listener));
    List<MatrixReport> reports = new ArrayList<>();
    for (int layer = 0; layer < source.layers(); layer++) {
      List<Operator.Unit> units = units(operators, layer);
      List<Operator.Unit> open =
          units.stream().filter(unit -> work.result(unit).isEmpty()).toList();
      if (!open.isEmpty()) {
        if (open.size() < units.size()) {
          listener.stage(
              "layer %d: %d of %d matrices are finished"
                  .formatted(layer, units.size() - open.size(), units.size()));
        }
        requireFinite(open, workers);
        Map<ActivationSite, Hessian> hessians =
            hessians(layer, LayerCalibration.widths(units), calibration, passes);
        noteUnreached(layer, hessians);
        ExpertHessians.apply(hessians, options.policy());
        quantize(layer, open, hessians, work, workers);
        int finished = layer;
        passes.ifPresent(p -> p.leave(finished));
      }
      List<MatrixReport> done = units.stream().map(unit -> report(unit, work)).toList();
      done.forEach(listener::finished);
      reports.addAll(done);
    }
    return reports;
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
    Map<ActivationSite, Hessian> hessians = running.hessians(layer, widths);
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
      Map<ActivationSite, Hessian> hessians,
      WorkFolder work,
      WorkerThreads workers) {
    MatrixQuantizer quantizer =
        new MatrixQuantizer(tools.algebra(), tools.search(), workers, options.refinements());
    AtomicInteger done = new AtomicInteger();
    String stage = "quantising layer " + layer;
    progress(stage, 0, units.size());
    workers.run(
        units.size(),
        i -> {
          Operator.Unit unit = units.get(i);
          Hessian hessian = hessians.get(unit.site());
          if (hessian == null) {
            throw new IllegalStateException("no Hessian for " + unit.name());
          }
          work.keep(unit, quantize(unit, hessian, quantizer));
          progress(stage, done.incrementAndGet(), units.size());
        });
  }

  private synchronized void progress(String stage, long done, long total) {
    listener.progress(stage, done, total);
  }

  private UnitFile.Result quantize(Operator.Unit unit, Hessian hessian, MatrixQuantizer quantizer) {
    Operator operator = unit.operator();
    long seed = options.seed();
    float[] input = SignVectors.of(seed, operator.inputSigns(), unit.expert(), operator.columns());
    float[] output = SignVectors.of(seed, operator.outputSigns(), unit.expert(), operator.rows());
    RotatedHessian rotated =
        quantizer.rotate(unit.name(), hessian.matrix(), input, options.damping());
    QuantizedMatrix matrix =
        quantizer.quantize(
            unit.name(),
            DenseWeights.matrix(operator.source(), unit.expert()),
            rotated,
            output,
            operator.packing());
    return new UnitFile.Result(matrix, hessian.tokens());
  }

  private MatrixReport report(Operator.Unit unit, WorkFolder work) {
    UnitFile.Result result =
        work.result(unit)
            .orElseThrow(() -> new IllegalStateException("no result of " + unit.name()));
    QuantizedMatrix matrix = result.matrix();
    Operator operator = unit.operator();
    return new MatrixReport(
        operator.id(),
        operator.tensor(),
        unit.expert(),
        operator.rows(),
        operator.columns(),
        result.tokens(),
        matrix.scale(),
        matrix.proxyLoss(),
        matrix.proxyEnergy(),
        matrix.relativeError());
  }

  private void write(
      ModelSource source,
      CalibrationSource calibration,
      WorkFolder work,
      List<MatrixReport> reports) {
    Metadata original = source.artifact().metadata();
    int layout = source.operators(tools.codec()).getFirst().packing().layout();
    int vocabulary =
        options.compatible()
            ? original
                .texts("tokenizer.ggml.tokens")
                .map(tokens -> Math.min(tokens.size(), source.plan().vocabulary()))
                .orElse(source.plan().vocabulary())
            : source.plan().vocabulary();
    ModelFile file = new ModelFile(source, tools.codec(), work, options, vocabulary, listener);
    Metadata metadata =
        options.compatible()
            ? FileMetadata.published(original, source.content(), options, vocabulary)
            : FileMetadata.complete(
                original, source.content(), options, provenance(layout, calibration, reports));
    file.write(target, tools.format(), metadata);
    file.verify(target, tools.providers());
  }

  private Map<String, MetadataValue> provenance(
      int layout, CalibrationSource calibration, List<MatrixReport> reports) {
    Map<String, MetadataValue> values = new LinkedHashMap<>();
    values.put("codec", FileMetadata.text(tools.codec().id().value()));
    values.put("layout", FileMetadata.whole(layout));
    values.put("search", FileMetadata.text(tools.search().name()));
    values.put("seed", FileMetadata.wholeSigned(options.seed()));
    values.put("hessian", FileMetadata.text(Named.of(options.policy())));
    values.put("damping", FileMetadata.real(options.damping()));
    values.put("refinements", FileMetadata.whole(options.refinements()));
    values.put("calibration.data_sha256", FileMetadata.text(calibration.text("data")));
    values.put("calibration.tokens_sha256", FileMetadata.text(calibration.text("tokens")));
    values.put("calibration.sequences", FileMetadata.whole(calibration.number("sequences")));
    values.put("calibration.length", FileMetadata.whole(calibration.number("length")));
    Map<String, List<Double>> losses = new LinkedHashMap<>();
    reports.forEach(report ->
        losses.computeIfAbsent(report.tensor(), _ -> new ArrayList<>()).add(report.proxyLoss()));
    losses.forEach((tensor, list) -> values.put("proxy_loss." + tensor, FileMetadata.reals(list)));
    return values;
  }
}
