package org.espalier.runtime.quantisation.pipeline;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Observer;
import org.espalier.api.model.ActivationSite;
import org.espalier.api.tensor.ElementType;
import org.espalier.runtime.quantisation.WorkerThreads;
import org.espalier.runtime.quantisation.calibration.CalibrationTokens;
import org.espalier.runtime.quantisation.calibration.Hessian;
import org.espalier.runtime.quantisation.calibration.LayerPasses;
import org.espalier.runtime.quantisation.calibration.ResidualRows;
import org.espalier.runtime.quantisation.calibration.SecondMoments;

/**
 * Gets the Hessians of layer after layer. The residual stream before a layer lies on disk until the
 * layer is quantised, so that work that was broken off goes on there.
 */
final class LayerCalibration {
  /** Most scratch space for residual rows of F32; beyond it they are F16. */
  static final long MOST_SCRATCH = 19_000_000_000L;

  private final Path model;
  private final QuantizationTools tools;
  private final CalibrationTokens tokens;
  private final WorkFolder work;
  private final WorkerThreads workers;
  private final QuantizationListener listener;
  private final LayerPasses passes;
  private final Optional<QuantizedLayers> quantized;
  private final int width;
  private final int last;

  /**
   * Prepares the passes.
   *
   * @param last layer that is needed
   * @param quantized the layers that rows pass once they are finished; empty: the original ones
   */
  LayerCalibration(
      Path model,
      ModelSource source,
      int last,
      QuantizationTools tools,
      CalibrationTokens tokens,
      WorkFolder work,
      WorkerThreads workers,
      QuantizationListener listener,
      Optional<QuantizedLayers> quantized) {
    this.quantized = quantized;
    this.model = model;
    this.tools = tools;
    this.tokens = tokens;
    this.work = work;
    this.workers = workers;
    this.listener = listener;
    this.width = source.plan().width();
    this.last = last;
    this.passes =
        new LayerPasses(
            tools.providers().backends(),
            workers.threads(),
            tools.backend(),
            width,
            tokens.sequences().size(),
            tokens.length());
  }

  /** How rows of so many tokens are kept. */
  static ElementType rowType(long tokens, int width) {
    return 2 * ResidualRows.bytes(tokens, width, ElementType.F32) > MOST_SCRATCH
        ? ElementType.F16
        : ElementType.F32;
  }

  private ResidualRows before(int layer) {
    return new ResidualRows(
        work.file("rows." + layer), tokens.length(), width, rowType(tokens.count(), width));
  }

  /** Makes sure that the rows before a layer are there. */
  void reach(int layer) {
    int from = layer;
    while (from > 0 && !before(from).exists()) {
      from--;
    }
    if (!before(from).exists()) {
      try (ModelSource source = ModelSource.open(model, tools.providers());
          ResidualRows.Writer writer = before(0).write()) {
        passes.run(
            source.embedding(),
            index -> new Activations.Tokens(tokens.sequences().get(index)),
            Optional.of(writer),
            Observer.NONE,
            done -> listener.progress("embedding", done, tokens.sequences().size()));
        writer.finish();
      }
    }
    for (; from < layer; from++) {
      try (ModelSource source = ModelSource.open(model, tools.providers())) {
        run(source, from, quantized, true, Observer.NONE, "passing layer " + from);
      }
      before(from).delete();
    }
  }

  /**
   * Runs the layer whose rows are there. Where rows pass the original layers, it leaves those
   * before the next one.
   */
  Map<ActivationSite, Hessian> hessians(
      ModelSource source, int layer, Map<ActivationSite, Integer> widths, boolean gated) {
    SecondMoments moments = new SecondMoments(widths, gated, tools.algebra(), workers);
    run(
        source,
        layer,
        Optional.empty(),
        quantized.isEmpty(),
        moments,
        "calibrating layer " + layer);
    return moments.means();
  }

  private void run(
      ModelSource source,
      int layer,
      Optional<QuantizedLayers> substitute,
      boolean leavesRows,
      Observer observer,
      String stage) {
    ResidualRows next = before(layer + 1);
    boolean wanted = leavesRows && layer < last && !next.exists();
    try (ResidualRows.Reader reader = before(layer).read();
        ResidualRows.Writer writer = next.write()) {
      passes.run(
          substitute
              .map(layers -> layers.plan(source.layer(layer)))
              .orElseGet(() -> source.layer(layer)),
          passes.input(reader),
          wanted ? Optional.of(writer) : Optional.empty(),
          observer,
          done -> listener.progress(stage, done, tokens.sequences().size()));
      if (wanted) {
        writer.finish();
      }
    }
  }

  /** Drops the rows before a layer that is finished, unless they have yet to pass it. */
  void leave(int layer) {
    if (quantized.isEmpty() || layer == last) {
      before(layer).delete();
    }
  }

  /** The sites of some units, and how wide they are. */
  static Map<ActivationSite, Integer> widths(List<Operator.Unit> units) {
    Map<ActivationSite, Integer> widths = new LinkedHashMap<>();
    units.forEach(unit -> widths.put(unit.site(), unit.operator().columns()));
    return widths;
  }
}
