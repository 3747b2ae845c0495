package org.espalier.runtime.quantisation.pipeline;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.model.ActivationSite;
import org.espalier.runtime.quantisation.WorkerThreads;
import org.espalier.runtime.quantisation.calibration.CalibrationTokens;
import org.espalier.runtime.quantisation.calibration.LayerPasses;
import org.espalier.runtime.quantisation.calibration.ResidualRows;
import org.espalier.runtime.quantisation.tuning.PredictionMoments;

/**
 * What a quantisation will take: times from short runs on this machine, sizes by counting.
 *
 * @param calibrationSeconds passes over the text, and second moments
 * @param matrixSeconds Hessians rotated and factored, and codes found
 * @param tuningSeconds passes that tune what is stored in F32
 * @param memory bytes: the heap as far as it will grow, the weights of a layer, mapped, and the
 *     program
 * @param scratch bytes on disk at most, besides the new file
 */
record Estimate(
    double calibrationSeconds,
    double matrixSeconds,
    double tuningSeconds,
    long memory,
    long scratch) {
  /** The program itself and its compiled code. */
  private static final long PROGRAM = 300L << 20;

  /** Rows of a pass, in all the forms in which the machine keeps them. */
  private static final int ROWS = 2048;

  private static final int FORMS = 24;

  /**
   * Estimates what is left to do.
   *
   * @param operators of the model
   * @param open units that have no result yet, layer by layer
   * @param calibrated layers whose Hessians are saved
   * @throws DeviceFailure when the heap is too small for it
   */
  static Estimate of(
      ModelSource source,
      List<Operator> operators,
      List<Operator.Unit> open,
      List<Integer> calibrated,
      Optional<CalibrationTokens> tokens,
      QuantizationTools tools,
      QuantizationOptions options,
      WorkerThreads workers) {
    List<Integer> layers =
        open.stream()
            .map(unit -> unit.operator().id().layer())
            .distinct()
            .filter(layer -> !calibrated.contains(layer))
            .toList();
    long heap = heap(source, operators, options.threads());
    requireHeap(heap);
    Trial trial = new Trial(tools, options, workers);
    Recipe recipe = options.recipe();
    boolean reads = tokens.isPresent() && !layers.isEmpty();
    boolean backwards = reads && recipe.predictions();
    Optional<WholeModelTrial> whole =
        tokens.map(t -> new WholeModelTrial(source, t, tools, options, workers));
    double calibration = 0;
    if (backwards) {
      calibration = whole.get().moments();
    } else if (reads) {
      calibration = calibration(source, operators, layers, tokens.get(), recipe, trial);
    }
    boolean tunes =
        recipe.tuning() > 0 && ModelTuning.hindrance(source, tokens, options.threads()).isEmpty();
    long decoded = 0;
    if (backwards) {
      decoded = PredictionMoments.bytes(source.plan(), tokens.get().length(), options.threads());
    }
    if (tunes) {
      decoded = Math.max(decoded, ModelTuning.bytes(source, tokens.get(), options.threads()));
    }
    long mapped = weights(operators).values().stream().mapToLong(Long::longValue).max().orElse(0);
    return new Estimate(
        calibration,
        open.isEmpty() ? 0 : trial.matrices(open),
        tunes ? whole.get().tuning() : 0,
        Math.min(
                Math.max(heap + garbage(open), decoded + decoded / 2),
                Runtime.getRuntime().maxMemory())
            + mapped
            + PROGRAM,
        scratch(source, open, reads && !backwards ? tokens.get().count() : 0));
  }

  /** Layers before the last one that is needed are passed through, observed or not. */
  private static double calibration(
      ModelSource source,
      List<Operator> operators,
      List<Integer> layers,
      CalibrationTokens tokens,
      Recipe recipe,
      Trial trial) {
    int first = layers.getFirst();
    // Behind a quantised layer its rows are read once more.
    int again = recipe.quantizedInputs() ? layers.size() - 1 : 0;
    int passed = layers.getLast() + 1 - layers.size() + again;
    int together = LayerPasses.together(tokens.length(), tokens.sequences().size());
    int passes = Math.ceilDiv(tokens.sequences().size(), together);
    double passing =
        passed == 0
            ? 0
            : trial
                .calibration(source, first, tokens, Map.of())
                .map(times -> times.total(passes))
                .orElse(0.0);
    double observing =
        trial
            .calibration(source, first, tokens, sites(operators, first))
            .map(times -> times.total(passes))
            .orElse(0.0);
    return passed * passing + layers.size() * observing;
  }

  private static Map<ActivationSite, Integer> sites(List<Operator> operators, int layer) {
    return LayerCalibration.widths(
        operators.stream()
            .filter(operator -> operator.id().layer() == layer)
            .flatMap(operator -> operator.units().stream())
            .toList());
  }

  /** The Hessians of a layer, the rows of a pass, and a matrix in work for each thread. */
  private static long heap(ModelSource source, List<Operator> operators, int threads) {
    long largest = operators.stream().mapToLong(Estimate::inWork).max().orElse(0);
    long most = 0;
    for (int layer : weights(operators).keySet()) {
      long hessians =
          sites(operators, layer).values().stream()
              .mapToLong(n -> (long) n * n * Float.BYTES)
              .sum();
      most = Math.max(most, hessians);
    }
    long rows = (long) ROWS * source.plan().width() * Float.BYTES * FORMS;
    return most + threads * largest + rows;
  }

  /**
   * Of a matrix: H rotated, its factor in F64, the feedback and the damped matrix; weights read,
   * rotated, and their errors.
   */
  private static long inWork(Operator operator) {
    long n = operator.columns();
    return n * n * 24 + (long) operator.rows() * n * 20;
  }

  /** What finished matrices leave behind: it is collected only when the heap is full. */
  private static long garbage(List<Operator.Unit> open) {
    return open.stream().mapToLong(unit -> inWork(unit.operator())).sum();
  }

  private static Map<Integer, Long> weights(List<Operator> operators) {
    ToLongFunction<Operator> bytes = operator -> operator.source().bytes();
    return operators.stream()
        .collect(
            Collectors.groupingBy(
                operator -> operator.id().layer(), Collectors.summingLong(bytes)));
  }

  private static long scratch(ModelSource source, List<Operator.Unit> open, long tokens) {
    int width = source.plan().width();
    long results = open.stream().mapToLong(unit -> unit.operator().resultBytes()).sum();
    return results + 2 * ResidualRows.bytes(tokens, width, LayerCalibration.rowType(tokens, width));
  }

  double seconds() {
    return calibrationSeconds + matrixSeconds + tuningSeconds;
  }

  void tell(QuantizationListener listener) {
    listener.stage(
        String.format(
            Locale.ROOT,
            "estimate: %s (calibration %s, matrices %s%s), memory %.2f GB, scratch disk %.2f GB",
            duration(seconds()),
            duration(calibrationSeconds),
            duration(matrixSeconds),
            tuningSeconds > 0 ? ", tuning " + duration(tuningSeconds) : "",
            memory / 1e9,
            scratch / 1e9));
  }

  /** To run out of it after hours would be a pity. */
  private static void requireHeap(long heap) {
    long most = Runtime.getRuntime().maxMemory();
    if (most < heap) {
      throw new DeviceFailure(
          "this takes a heap of %.1f GB, but the Java machine was started with %.1f GB: start it with -Xmx%dg, as by ESPALIER_JAVA_OPTS=-Xmx%dg"
              .formatted(heap / 1e9, most / 1e9, gigabytes(heap), gigabytes(heap)));
    }
  }

  private static long gigabytes(long bytes) {
    return (bytes + bytes / 8 >> 30) + 1;
  }

  /**
   * Makes sure that there is room on disk.
   *
   * @param folder that the scratch files and the new file go to
   * @param model bytes of the new file
   * @throws DeviceFailure when there is not
   */
  void requireRoom(Path folder, long model) {
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
