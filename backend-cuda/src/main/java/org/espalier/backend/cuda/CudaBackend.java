package org.espalier.backend.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.ToDoubleFunction;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.Offer;
import org.espalier.api.backend.Accelerator;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.CacheTypes;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.Footprint;
import org.espalier.api.backend.Observer;
import org.espalier.api.backend.Precision;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;
import org.espalier.api.tensor.ElementType;
import org.espalier.backend.cuda.driver.Gpu;
import org.espalier.backend.cuda.driver.GpuInfo;
import org.espalier.backend.cuda.stage.PlanLimits;
import org.espalier.backend.cuda.stage.Program;
import org.espalier.backend.cuda.stage.Scratch;
import org.espalier.backend.cuda.weights.DeviceMemory;
import org.espalier.backend.cuda.weights.ExpertBudget;
import org.espalier.backend.cuda.weights.Loader;
import org.espalier.backend.cuda.weights.Placement;
import org.espalier.backend.cuda.weights.StorageChoice;

/** A started GPU. Whatever its executables do goes through one lock: there is one stream. */
final class CudaBackend implements Backend {
  private final BackendId id;
  private final Gpu gpu;
  private final Settings settings;
  private final long freeAtStart;
  private final ReentrantLock lock = new ReentrantLock(true);
  private final List<CudaExecutable> executables = new ArrayList<>();
  private boolean closed;

  CudaBackend(BackendId id, Gpu gpu, Settings settings) {
    this.id = id;
    this.gpu = gpu;
    this.settings = settings;
    this.freeAtStart = gpu.freeBytes();
  }

  @Override
  public BackendId id() {
    return id;
  }

  @Override
  public String device() {
    GpuInfo info = gpu.info();
    return "%s (GPU %d, compute capability %d.%d, %d multiprocessors, %,d MiB, %,d of them free)"
        .formatted(
            info.name(),
            info.ordinal(),
            info.capability() / 10,
            info.capability() % 10,
            info.multiprocessors(),
            info.totalBytes() >> 20,
            freeAtStart >> 20);
  }

  @Override
  public Optional<Accelerator> accelerator() {
    return Optional.of(new Device());
  }

  private final class Device implements Accelerator {
    @Override
    public String name() {
      return gpu.info().name();
    }

    @Override
    public double memoryBandwidth() {
      return measured(Gpu::memoryBandwidth);
    }

    @Override
    public double hostBandwidth() {
      return measured(Gpu::hostBandwidth);
    }

    private double measured(ToDoubleFunction<Gpu> measurement) {
      lock.lock();
      try {
        if (closed) {
          return 0;
        }
        gpu.enter();
        return measurement.applyAsDouble(gpu);
      } finally {
        lock.unlock();
      }
    }
  }

  @Override
  public Footprint footprint(ModelPlan plan, CompileOptions options, SessionOptions session) {
    return new Footprint(
        table(plan),
        weights(plan, options.precision()),
        cacheBytes(plan, options, session),
        scratch(plan, options).bytes());
  }

  /** The token table is read in place. */
  private static long table(ModelPlan plan) {
    return plan.stages().stream()
        .mapToLong(stage -> stage instanceof Stage.Embedding(EncodedLinear t) ? t.bytes() : 0)
        .sum();
  }

  private static long weights(ModelPlan plan, Precision precision) {
    long bytes = 0;
    for (Stage stage : plan.stages()) {
      if (!(stage instanceof Stage.Embedding)) {
        for (EncodedLinear linear : stage.linears()) {
          bytes += StorageChoice.of(linear, precision).bytes(linear);
        }
      }
      bytes += PlanLimits.normBytes(stage);
    }
    return bytes;
  }

  /** The type of keys and values; an estimate where it refuses them anyway. */
  static ElementType elements(CacheTypes types) {
    return types.element().orElse(ElementType.F32);
  }

  static Optional<String> refusal(CacheTypes types) {
    return types.element().isPresent()
        ? Optional.empty()
        : Optional.of(
            "keys and values are kept on a GPU as f32, f16 or bf16, both alike, not as %s"
                .formatted(types));
  }

  static long cacheBytes(ModelPlan plan, CompileOptions options, SessionOptions session) {
    return Program.cacheValues(plan) * session.contextLength() * elements(session.cache()).bytes()
        + Program.partialBytes(plan, options.maximumRows(), session.contextLength());
  }

  private static Scratch scratch(ModelPlan plan, CompileOptions options) {
    return new Scratch(
        plan,
        options.maximumRows(),
        linear -> StorageChoice.of(linear, options.precision()).pairs(),
        options.observer() != Observer.NONE);
  }

  @Override
  public Offer<Executable> compile(ModelPlan plan, CompileOptions options) {
    lock.lock();
    try {
      if (closed) {
        return Offer.declined("the backend is closed");
      }
      gpu.enter();
      Offer<ModelPlan> possible = PlanLimits.check(plan, gpu.info());
      if (possible instanceof Offer.Declined<ModelPlan>(String reason)) {
        return Offer.declined(reason);
      }
      Optional<String> refusal = refusal(options.cache());
      if (refusal.isPresent()) {
        return Offer.declined(refusal.get());
      }
      // A sequence must fit too, where the caller knows how long it will be.
      long cache = options.contextLength().isEmpty() ? 0 : expectedCache(plan, options);
      Placement placement = placement(plan, options);
      long weights = weightsOnDevice(plan, options, placement);
      long scratch = scratch(plan, options).bytes();
      long need = weights + scratch + cache;
      long limit = options.memoryLimit().orElse(Long.MAX_VALUE);
      if (need > limit) {
        return Offer.declined(
            "the plan needs %,d bytes of GPU memory (weights %,d, working memory %,d, keys and values %,d) and the limit is %,d"
                .formatted(need, weights, scratch, cache, limit));
      }
      long free = gpu.freeBytes();
      if (need > free) {
        return Offer.declined(
            "the model needs %,d MiB of GPU memory (weights %,d, working memory %,d, keys and values %,d) and %,d MiB are free of the %,d of %s"
                .formatted(
                    need >> 20,
                    weights >> 20,
                    scratch >> 20,
                    cache >> 20,
                    free >> 20,
                    gpu.info().totalBytes() >> 20,
                    gpu.info().name()));
      }
      return load(plan, options, placement);
    } finally {
      lock.unlock();
    }
  }

  private static long weightsOnDevice(ModelPlan plan, CompileOptions options, Placement placement) {
    Precision precision = options.precision();
    return weights(plan, precision)
        - ExpertBudget.hostBytes(plan, precision, placement)
        + Program.copyBytes(
            plan,
            options,
            linear -> StorageChoice.of(linear, precision).pairs(),
            linear -> ExpertBudget.hostBytes(linear, precision, placement));
  }

  /** Bytes of device memory that an executable takes without its sessions. */
  long fixedBytes(ModelPlan plan, CompileOptions options) {
    return weightsOnDevice(plan, options, placement(plan, options))
        + scratch(plan, options).bytes();
  }

  private static long expectedCache(ModelPlan plan, CompileOptions options) {
    int context = options.contextLength().orElseThrow();
    return cacheBytes(plan, options, new SessionOptions(context, options.cache()));
  }

  private Placement placement(ModelPlan plan, CompileOptions options) {
    return settings.expertMemory().isEmpty()
        ? Placement.ALL_ON_DEVICE
        : ExpertBudget.placement(
            plan, options.precision(), settings.expertMemory().getAsLong(), options.placement());
  }

  private Offer<Executable> load(ModelPlan plan, CompileOptions options, Placement placement) {
    DeviceMemory memory = new DeviceMemory(gpu);
    Loader loader = new Loader(gpu, memory, options.precision(), placement);
    try {
      Program program =
          new Program(
              plan,
              gpu,
              memory,
              scratch(plan, options),
              options.observer(),
              options.placement(),
              loader::load,
              true);
      loader.finish();
      CudaExecutable executable = new CudaExecutable(this, plan, options, program, memory);
      executables.add(executable);
      return Offer.accepted(executable);
    } catch (DeviceFailure e) {
      loader.finish();
      memory.close();
      return Offer.declined(String.valueOf(e.getMessage()));
    }
  }

  Gpu gpu() {
    return gpu;
  }

  ReentrantLock lock() {
    return lock;
  }

  boolean isClosed() {
    return closed;
  }

  void forget(CudaExecutable executable) {
    executables.remove(executable);
  }

  @Override
  public void close() {
    lock.lock();
    try {
      if (!closed) {
        List.copyOf(executables).forEach(CudaExecutable::close);
        closed = true;
        gpu.close();
      }
    } finally {
      lock.unlock();
    }
  }
}
