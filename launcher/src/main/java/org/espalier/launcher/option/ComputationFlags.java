package org.espalier.launcher.option;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.Precision;
import org.espalier.runtime.ModelOptions;
import picocli.CommandLine.Option;

/** What computes, and how; the number of threads is for others to say. */
public class ComputationFlags {
  private static final BackendId OFFLOAD = new BackendId("offload");

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      converter = BackendConverter.class,
      description =
          "What computes: cpu, cuda, or offload, which puts experts where there is room. Default: the"
              + " best that accepts the model.")
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
      names = "--qtip-expert-offload",
      description = {
        "The same as --backend offload: experts in the host's memory for a GPU, or, without one, on"
            + " disk for a machine with less memory than the model is large."
      })
  private boolean offload;

  @Option(
      names = "--host-memory",
      paramLabel = "SIZE",
      description = {
        "What the whole process may take, such as 600M or 1G; experts have a place as far as there"
            + " is room and are read from disk otherwise. Selects --backend offload."
      })
  private Optional<String> hostMemory = Optional.empty();

  @Option(
      names = "--device-memory",
      paramLabel = "SIZE",
      description = {
        "What experts may take of a GPU's memory; the others stay in the host's. Selects --backend"
            + " offload."
      })
  private Optional<String> deviceMemory = Optional.empty();

  @Option(
      names = {"-ncmoe", "--n-cpu-moe"},
      paramLabel = "N",
      description = {
        "Experts of the first N layers are computed on the CPU. Selects --backend offload."
      })
  private Optional<Integer> cpuLayers = Optional.empty();

  @Option(
      names = {"-cmoe", "--cpu-moe"},
      description = "Experts of all layers are computed on the CPU. Selects --backend offload.")
  private boolean allOnCpu;

  @Option(
      names = "--device",
      paramLabel = "N",
      description = "Which GPU, counted from 0. Default: 0.")
  private Optional<String> device = Optional.empty();

  @Option(
      names = {"-ctk", "--cache-type-k"},
      paramLabel = "TYPE",
      description = {
        "How keys are kept: f32, f16, bf16 or q8_0, which takes half the memory of f16. Default:"
            + " f16; f32 with --precision exact."
      })
  private Optional<String> keyType = Optional.empty();

  @Option(
      names = {"-ctv", "--cache-type-v"},
      paramLabel = "TYPE",
      description = "The same for values.")
  private Optional<String> valueType = Optional.empty();

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
    ModelOptions options =
        ModelOptions.of(threads)
            .withPrecision(precision)
            .withBatch(batch())
            .withCompatibility(model.compatibility())
            .withOverrides(model.overrides())
            .withSettings(allSettings());
    return chosen().map(id -> options.withBackend(id.value())).orElse(options);
  }

  /** The backend that was named, or the one that other flags are about. */
  private Optional<BackendId> chosen() {
    boolean offloads =
        offload
            || hostMemory.isPresent()
            || deviceMemory.isPresent()
            || cpuLayers.isPresent()
            || allOnCpu;
    if (backend.isEmpty()) {
      return offloads ? Optional.of(OFFLOAD) : Optional.empty();
    }
    if (offload && !backend.get().equals(OFFLOAD)) {
      throw new InvalidRequest(
          "--qtip-expert-offload means --backend offload, and --backend %s was given: leave one out"
              .formatted(backend.get()));
    }
    if (backend.get().value().equals("cpu") && offloads) {
      throw new InvalidRequest(
          "--backend cpu keeps all experts in memory: for --host-memory, --device-memory and"
              + " --n-cpu-moe leave it out, or give --backend offload");
    }
    return backend;
  }

  private Map<String, String> allSettings() {
    if (cpuLayers.isPresent() && cpuLayers.get() < 0) {
      throw new InvalidRequest("--n-cpu-moe %d is negative".formatted(cpuLayers.get()));
    }
    Map<String, String> all = new LinkedHashMap<>();
    device.ifPresent(number -> all.put("device", number));
    keyType.ifPresent(type -> all.put("cache-type-k", type));
    valueType.ifPresent(type -> all.put("cache-type-v", type));
    memoryLimit.ifPresent(bytes -> all.put("memory-limit", Long.toString(bytes)));
    hostMemory.ifPresent(size -> all.put("host-memory", size));
    deviceMemory.ifPresent(size -> all.put("device-memory", size));
    cpuLayers.ifPresent(count -> all.put("n-cpu-moe", count.toString()));
    if (allOnCpu) {
      all.put("n-cpu-moe", String.valueOf(Integer.MAX_VALUE));
    }
    all.putAll(settings);
    return all;
  }
}
