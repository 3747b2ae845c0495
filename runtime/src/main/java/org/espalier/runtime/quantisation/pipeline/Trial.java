package org.espalier.runtime.quantisation.pipeline;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.backend.HostRows;
import org.espalier.api.backend.Observer;
import org.espalier.api.codec.Packing;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.model.ActivationSite;
import org.espalier.runtime.quantisation.MatrixQuantizer;
import org.espalier.runtime.quantisation.RotatedHessian;
import org.espalier.runtime.quantisation.WorkerThreads;
import org.espalier.runtime.quantisation.calibration.CalibrationTokens;
import org.espalier.runtime.quantisation.calibration.LayerPasses;
import org.espalier.runtime.quantisation.calibration.SecondMoments;

/**
 * Times short runs of the real work, on matrices of the real sizes. Speeds of single products would
 * not do: what a pass takes depends on caches, on the compiler and on how tokens spread over
 * experts.
 */
final class Trial {
  /** Below this many passes for each layer there is nothing to extrapolate. */
  private static final int FEWEST_PASSES = 4;

  private static final double LONG_ENOUGH = 0.5;
  private static final double WARM_UP = 2;

  /** Where little is to do, a trial must not take longer. */
  private static final double SHARE_OF_WORK = 0.05;

  private final QuantizationTools tools;
  private final QuantizationOptions options;
  private final WorkerThreads workers;
  private final SplittableRandom random = new SplittableRandom(1);

  Trial(QuantizationTools tools, QuantizationOptions options, WorkerThreads workers) {
    this.tools = tools;
    this.options = options;
    this.workers = workers;
  }

  /**
   * Times of a layer.
   *
   * @param layer seconds before the first pass
   * @param pass seconds of each
   */
  record LayerTimes(double layer, double pass) {
    double total(int passes) {
      return layer + passes * pass;
    }
  }

  /**
   * Times of a layer's calibration; empty when there are so few passes that it is not worth it.
   *
   * @param layer of which
   * @param widths of the sites to observe; none, to time passes alone
   */
  Optional<LayerTimes> calibration(
      ModelSource source,
      int layer,
      CalibrationTokens tokens,
      Map<ActivationSite, Integer> widths) {
    int together = LayerPasses.together(tokens.length(), tokens.sequences().size());
    int passes = Math.ceilDiv(tokens.sequences().size(), together);
    if (passes < FEWEST_PASSES) {
      return Optional.empty();
    }
    LayerTimes times = timed(source, layer, tokens.length(), together, 2, widths);
    if (times.pass() < LONG_ENOUGH) {
      // Code that is compiled late is measured too slow.
      int more = (int) Math.min(SHARE_OF_WORK * passes * source.layers(), WARM_UP / times.pass());
      if (more > 2) {
        times = timed(source, layer, tokens.length(), together, more, widths);
      }
    }
    return Optional.of(times);
  }

  private LayerTimes timed(
      ModelSource source,
      int layer,
      int length,
      int together,
      int passes,
      Map<ActivationSite, Integer> widths) {
    int width = source.plan().width();
    float[] rows = gaussian(length * width);
    SecondMoments moments =
        new SecondMoments(widths, options.recipe().gated(), tools.algebra(), workers);
    List<Long> ends = new ArrayList<>(List.of(System.nanoTime()));
    new LayerPasses(
            tools.providers().backends(),
            workers.threads(),
            tools.backend(),
            width,
            passes * together,
            length)
        .run(
            source.layer(layer),
            _ -> new HostRows(rows, 0, length, width),
            Optional.empty(),
            widths.isEmpty() ? Observer.NONE : moments,
            _ -> ends.add(System.nanoTime()));
    double first = (ends.get(1) - ends.getFirst()) / 1e9;
    double last = (ends.getLast() - ends.get(ends.size() - 2)) / 1e9;
    return new LayerTimes(Math.max(0, first - last), last);
  }

  /** Seconds that all threads together take for one matrix of each unit's size, summed up. */
  double matrices(List<Operator.Unit> units) {
    Map<LinearShape, Integer> counts = new HashMap<>();
    double blocks = 0;
    for (Operator.Unit unit : units) {
      LinearShape shape = new LinearShape(1, unit.operator().rows(), unit.operator().columns());
      switch (unit.operator().layout()) {
        case Layout.Tiles _ -> counts.merge(shape, 1, Integer::sum);
        case Layout.Blocks _ -> blocks += unit.weights();
      }
    }
    double weights = units.stream().mapToLong(Operator.Unit::weights).sum();
    double tiles = weights / tools.search().grid().size();
    double warmUp = Math.min(WARM_UP, SHARE_OF_WORK * tiles / 1000);
    double sum = 0;
    for (Map.Entry<LinearShape, Integer> entry : counts.entrySet()) {
      sum += entry.getValue() * matrix(entry.getKey(), warmUp / counts.size());
    }
    // A block's search takes no longer than a tile's; there are few.
    return weights > blocks ? sum * weights / (weights - blocks) : sum;
  }

  /** Rotates and factors one Hessian, quantises some rows of tiles, and takes the best times. */
  private double matrix(LinearShape shape, double warmUp) {
    int n = shape.inputs();
    MatrixQuantizer quantizer = options.quantizer(tools, workers);
    boolean predictions = options.recipe().predictions();
    // Rows of tiles are shared out among threads, or whole matrices where rows depend on each
    // other.
    int tileRows = predictions ? 4 : Integer.highestOneBit(2 * workers.threads() - 1) * 2;
    int copies = predictions ? workers.threads() : 1;
    int rows = Math.min(shape.outputs(), tileRows * tools.search().grid().rows());
    Packing packing =
        tools.codec().packing(new LinearShape(1, rows, n)).orElseThrow(Unsupported::new);
    FloatMatrix weights = FloatMatrix.of(gaussian(rows * n), rows, n);
    FloatMatrix hessian = diagonal(n);
    Optional<FloatMatrix> outputs =
        predictions ? Optional.of(diagonal(shape.outputs())) : Optional.empty();
    FloatMatrix someOutputs = diagonal(rows);
    double preparing = Double.MAX_VALUE;
    double quantising = Double.MAX_VALUE;
    long begin = System.nanoTime();
    for (int i = 0; i < 2 || System.nanoTime() - begin < warmUp * 1e9; i++) {
      RotatedHessian[] rotated = new RotatedHessian[2];
      double prepared =
          seconds(
              copies,
              () -> {
                outputs.ifPresent(o -> rotate(quantizer, o));
                return rotate(quantizer, hessian);
              },
              rotated);
      Optional<RotatedHessian> side =
          outputs.map(
              _ -> quantizer.rotateOutputs("a trial", someOutputs, ones(rows), options.damping()));
      double quantised =
          seconds(
              copies,
              () -> {
                quantizer.quantize("a trial", weights, rotated[0], side, ones(rows), packing);
                return rotated[0];
              },
              rotated);
      quantising = Math.min(quantising, quantised);
      preparing = Math.min(preparing, prepared);
    }
    return preparing + quantising * shape.outputs() / rows;
  }

  private RotatedHessian rotate(MatrixQuantizer quantizer, FloatMatrix matrix) {
    return quantizer.rotate("a trial", matrix, ones(matrix.rows()), options.damping());
  }

  /** Seconds of each of some equal tasks that run side by side. */
  private double seconds(int copies, Supplier<RotatedHessian> task, RotatedHessian[] result) {
    long start = System.nanoTime();
    workers.run(
        copies,
        copy -> {
          RotatedHessian made = task.get();
          if (copy == 0) {
            result[0] = made;
          }
        });
    return (System.nanoTime() - start) / 1e9 / copies;
  }

  private FloatMatrix diagonal(int n) {
    FloatMatrix matrix = FloatMatrix.zeros(n, n);
    for (int i = 0; i < n; i++) {
      matrix.values()[i * n + i] = 1 + random.nextFloat();
    }
    return matrix;
  }

  private static float[] ones(int n) {
    float[] ones = new float[n];
    Arrays.fill(ones, 1);
    return ones;
  }

  private float[] gaussian(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
