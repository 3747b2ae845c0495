package org.espalier.launcher.option;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.Precision;
import org.espalier.runtime.ModelOptions;
import picocli.CommandLine.Option;

/** What computes, and how. */
public final class BackendFlags {
  @Option(
      names = "--backend",
      paramLabel = "NAME",
      converter = BackendConverter.class,
      description = "What computes: cpu. Default: the best that accepts the model.")
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
      names = {"-t", "--threads"},
      paramLabel = "N",
      description = "Threads. Default: as many as there are physical cores, which -1 means too.")
  private int threads = -1;

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
      names = "--backend-option",
      paramLabel = "NAME=VALUE",
      description = "A setting that only the backend knows. May be given several times.")
  private Map<String, String> settings = new LinkedHashMap<>();

  /** Worker threads. */
  public int threads() {
    if (threads == 0) {
      throw new InvalidRequest("-t 0: at least one thread is needed");
    }
    return threads < 0 ? PhysicalCores.count() : threads;
  }

  /** Most positions per forward pass. */
  public int batch() {
    return Math.min(batch, microBatch);
  }

  /** How to open a model. */
  public ModelOptions modelOptions(ModelFlags model) {
    return new ModelOptions(
        backend, precision, threads(), batch(), model.compatibility(), model.overrides(), settings);
  }
}
