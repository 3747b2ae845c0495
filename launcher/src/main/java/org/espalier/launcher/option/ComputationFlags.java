package org.espalier.launcher.option;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.Precision;
import org.espalier.runtime.ModelOptions;
import picocli.CommandLine.Option;

/** What computes, and how; the number of threads is for others to say. */
public class ComputationFlags {
  @Option(
      names = "--backend",
      paramLabel = "NAME",
      converter = BackendConverter.class,
      description = "What computes: cpu or cuda. Default: the best that accepts the model.")
  private Optional<BackendId> backend = Optional.empty();

  @Option(
      names = "--precision",
      paramLabel = "HOW",
      description = {
        "fast, or exact: reference arithmetic and an F32 cache, slow, for verification. Default:"
            + " fast."
      })
  private Precision precision = Precision.FAST;

  @Option(
      names = {"-b", "--batch-size"},
      paramLabel = "N",
      converter = PositiveConverter.class,
      description = "Most tokens of a prompt that go in together. Default: ${DEFAULT-VALUE}.")
  private int batch = 2048;

  @Option(
      names = {"-ub", "--ubatch-size"},
      paramLabel = "N",
      converter = PositiveConverter.class,
      description = "The same; the smaller of the two counts. Default: ${DEFAULT-VALUE}.")
  private int microBatch = 512;

  @Option(
      names = "--device",
      paramLabel = "N",
      description = "Which GPU, counted from 0. Default: 0.")
  private Optional<String> device = Optional.empty();

  @Option(
      names = "--memory-limit",
      paramLabel = "SIZE",
      converter = SizeConverter.class,
      description =
          "Most memory for weights, keys and values and working memory together, such as 3G; a model"
              + " that needs more is refused.")
  private Optional<Long> memoryLimit = Optional.empty();

  @Option(
      names = "--backend-option",
      paramLabel = "NAME=VALUE",
      description = "A setting that only the backend knows. May be given several times.")
  private Map<String, String> settings = new LinkedHashMap<>();

  /** Most positions per forward pass. */
  public int batch() {
    return Math.min(batch, microBatch);
  }

  /** Arithmetic. */
  public Precision precision() {
    return precision;
  }

  /** How to open a model. */
  public ModelOptions modelOptions(ModelFlags model, int threads) {
    Map<String, String> all = new LinkedHashMap<>(settings);
    device.ifPresent(number -> all.put("device", number));
    memoryLimit.ifPresent(bytes -> all.put("memory-limit", Long.toString(bytes)));
    return new ModelOptions(
        backend, precision, threads, batch(), model.compatibility(), model.overrides(), all);
  }
}
