package org.espalier.runtime.quantisation.pipeline;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.codec.TileQuantizer;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.model.ActivationSite;
import org.espalier.api.model.Stage;
import org.espalier.runtime.quantisation.WorkerThreads;
import org.espalier.runtime.quantisation.calibration.CalibrationTokens;
import org.espalier.runtime.quantisation.calibration.ResidualRows;

/**
 * What a quantisation will take, from sizes and from short measurements on this machine.
 *
 * @param calibrationSeconds forward passes and second moments
 * @param factoringSeconds rotating and factoring Hessians, and the feedback of errors
 * @param searchSeconds looking for codes
 * @param memory bytes of the largest layer's Hessians and weights and of the matrices in work
 * @param scratch bytes on disk at most, besides the new file
 */
record Estimate(
    double calibrationSeconds,
    double factoringSeconds,
    double searchSeconds,
    long memory,
    long scratch) {
  private static final double WARM_UP_NANOS = 1.5e9;
  private static final double WARM_UP_NANOS_PER_TILE = 3e4;

  /** A dense product in the forward pass runs at about the speed of the product measured here. */
  private static final int ROWS = 512;

  private static final int WIDTH = 512;
  private static final int TILES = 8;

  static Estimate of(
      ModelSource source,
      List<Operator> operators,
      Optional<CalibrationTokens> tokens,
      QuantizationTools tools,
      QuantizationOptions options,
      WorkerThreads workers) {
    long tokenCount = tokens.map(CalibrationTokens::count).orElse(0L);
    long tileCount =
        operators.stream()
            .mapToLong(o -> o.source().shape().weights() / o.packing().grid().size())
            .sum();
    // Code that is compiled late is measured too slow; where little is to do, that matters little.
    double warmUp = Math.min(WARM_UP_NANOS, tileCount * WARM_UP_NANOS_PER_TILE);
    double products = productsPerSecond(tools, workers, warmUp);
    double tiles = tilesPerSecond(tools.search(), workers, warmUp);
    int passes = 1 + options.refinements();
    return new Estimate(
        tokenCount * calibrationProducts(source) / products,
        factoringProducts(operators, passes) / products,
        passes * tileCount / tiles,
        memory(source, operators, options.threads()),
        scratch(source, operators, tokenCount));
  }

  /** Multiply–adds for one token: the layers' weights that it meets, and its share of moments. */
  private static double calibrationProducts(ModelSource source) {
    double sum = 0;
    for (Stage stage : source.plan().stages()) {
      switch (stage) {
        case Stage.Attention a -> {
          for (EncodedLinear linear : a.linears()) {
            sum += (double) linear.shape().weights();
          }
          sum += gram(a.query().shape()) + gram(a.output().shape());
        }
        case Stage.MixtureOfExperts m -> {
          for (EncodedLinear linear : List.of(m.gate(), m.up(), m.down())) {
            LinearShape shape = linear.shape();
            sum += (double) m.used() * shape.outputs() * shape.inputs();
          }
          sum += m.used() * (gram(m.gate().shape()) + gram(m.down().shape()));
        }
        case Stage.Embedding _, Stage.Head _ -> {
          // next to nothing, and not needed
        }
      }
    }
    return sum;
  }

  /** Half of a square. */
  private static double gram(LinearShape shape) {
    return 0.5 * shape.inputs() * shape.inputs();
  }

  /**
   * For each matrix: a Cholesky factorisation in F64 counts twice, the block feedback, and for each
   * pass the product of errors and feedback.
   */
  private static double factoringProducts(List<Operator> operators, int passes) {
    double sum = 0;
    for (Operator operator : operators) {
      double n = operator.columns();
      double m = operator.rows();
      double one = n * n * n / 3 + n * n * 16 / 2 + passes * m * n * n / 2 + m * n * n;
      sum += operator.source().shape().experts() * one;
    }
    return sum;
  }

  private static long memory(ModelSource source, List<Operator> operators, int threads) {
    Map<Integer, Map<ActivationSite, Integer>> sites = new HashMap<>();
    Map<Integer, Long> weights = new HashMap<>();
    long largest = 0;
    for (Operator operator : operators) {
      int layer = operator.id().layer();
      sites
          .computeIfAbsent(layer, _ -> new HashMap<>())
          .putAll(LayerCalibration.widths(operator.units()));
      weights.merge(layer, operator.source().bytes(), Long::sum);
      long n = operator.columns();
      // H rotated, its factor in F64, the feedback; weights read, rotated and their errors.
      largest = Math.max(largest, n * n * 16 + (long) operator.rows() * n * 12);
    }
    long most = 0;
    for (Map.Entry<Integer, Map<ActivationSite, Integer>> layer : sites.entrySet()) {
      long hessians =
          layer.getValue().values().stream().mapToLong(n -> (long) n * n * Float.BYTES).sum();
      most = Math.max(most, hessians + weights.getOrDefault(layer.getKey(), 0L));
    }
    long rows = 2048L * source.plan().width() * Float.BYTES * 16;
    return most + threads * largest + rows + (200L << 20);
  }

  private static long scratch(ModelSource source, List<Operator> operators, long tokens) {
    int width = source.plan().width();
    long results =
        operators.stream()
            .mapToLong(o ->
                o.source().shape().weights() / o.packing().grid().size() * o.packing().codeBytes())
            .sum();
    return results + 2 * ResidualRows.bytes(tokens, width, LayerCalibration.rowType(tokens, width));
  }

  /** Multiply–adds per second of all threads. */
  private static double productsPerSecond(
      QuantizationTools tools, WorkerThreads workers, double warmUp) {
    float[] values = new float[ROWS * WIDTH];
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (random.nextDouble() - 0.5);
    }
    FloatMatrix x = FloatMatrix.of(values, ROWS, WIDTH);
    FloatMatrix sum = FloatMatrix.zeros(WIDTH, WIDTH);
    return 0.5
        * ROWS
        * WIDTH
        * WIDTH
        * perSecond(warmUp / 3, () -> tools.algebra().addGram(x, sum, workers));
  }

  /** Tiles per second of all threads. */
  private static double tilesPerSecond(TileQuantizer tiles, WorkerThreads workers, double warmUp) {
    int size = tiles.grid().size() * TILES;
    float[] targets = new float[size];
    SplittableRandom random = new SplittableRandom(2);
    for (int i = 0; i < size; i++) {
      targets[i] = (float) random.nextGaussian();
    }
    List<TileQuantizer.Search> searches =
        java.util.stream.IntStream.range(0, workers.threads())
            .mapToObj(_ -> tiles.newSearch().orElseThrow(Unsupported::new))
            .toList();
    double batches =
        perSecond(
            warmUp,
            () ->
                workers.run(
                    searches.size(),
                    i ->
                        searches
                            .get(i)
                            .quantize(
                                targets,
                                TILES,
                                new byte[TILES * tiles.codeBytes()],
                                new float[size])));
    return batches * searches.size() * TILES;
  }

  private static double perSecond(double warmUpNanos, Runnable work) {
    long start = System.nanoTime();
    while (System.nanoTime() - start < warmUpNanos) {
      work.run();
    }
    int count = 0;
    start = System.nanoTime();
    long now = start;
    while (now - start < warmUpNanos / 2) {
      work.run();
      count++;
      now = System.nanoTime();
    }
    return count * 1e9 / (now - start);
  }

  double seconds() {
    return calibrationSeconds + factoringSeconds + searchSeconds;
  }

  void tell(QuantizationListener listener) {
    listener.stage(
        String.format(
            Locale.ROOT,
            "estimate: %s (calibration %s, Hessians %s, codes %s), memory %.2f GB, scratch disk %.2f GB",
            duration(seconds()),
            duration(calibrationSeconds),
            duration(factoringSeconds),
            duration(searchSeconds),
            memory / 1e9,
            scratch / 1e9));
  }

  /**
   * Makes sure that there is room for it.
   *
   * @param model bytes of the new file
   * @throws DeviceFailure when there is not
   */
  void requireRoom(Path target, long model) {
    Path folder = target.toAbsolutePath().getParent();
    try {
      long free = Files.getFileStore(folder).getUsableSpace();
      if (free < scratch + model) {
        throw new DeviceFailure(
            "%s has %.2f GB free, but scratch files and the new model take %.2f GB: fewer --sequences need less"
                .formatted(folder, free / 1e9, (scratch + model) / 1e9));
      }
    } catch (IOException e) {
      throw new DeviceFailure("%s cannot be examined (%s)".formatted(folder, e.getMessage()), e);
    }
  }

  private static String duration(double seconds) {
    if (seconds < 90) {
      return String.format(Locale.ROOT, "%.0f s", seconds);
    }
    return seconds < 5400
        ? String.format(Locale.ROOT, "%.0f min", seconds / 60)
        : String.format(Locale.ROOT, "%.1f h", seconds / 3600);
  }
}
