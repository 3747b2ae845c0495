package org.espalier.backend.offload;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.espalier.api.EspalierException;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.Offer;
import org.espalier.api.backend.Accelerator;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.ExpertStore;
import org.espalier.api.backend.Footprint;
import org.espalier.api.backend.Precision;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;
import org.espalier.backend.offload.placement.DevicePlan;
import org.espalier.backend.offload.placement.HostBudget;
import org.espalier.backend.offload.placement.MachineMemory;
import org.espalier.backend.offload.placement.MemorySize;
import org.espalier.backend.offload.placement.MovingPlacement;
import org.espalier.backend.offload.placement.Settings;
import org.espalier.backend.offload.placement.Slices;
import org.espalier.backend.offload.placement.UseCounts;
import org.jspecify.annotations.Nullable;

/**
 * Composes a backend of the host and, where there is one, a backend of a device. It computes
 * nothing: it plans, moves bytes and hands rows on.
 */
final class OffloadBackend implements Backend {
  /**
   * What the Java machine takes besides what is counted here: classes, compiled code, the
   * compilers' memory, stacks, and the tokenizer. Measured with the shape of OLMoE-1B-7B.
   */
  static final long RUNTIME_BYTES = 144L << 20;

  private final Settings settings;
  private final Backend host;
  private final Optional<Backend> device;
  private final String whyNoDevice;
  private final ReentrantLock lock = new ReentrantLock();
  private @Nullable Decided decided;
  private volatile boolean closed;

  private OffloadBackend(
      Settings settings, Backend host, Optional<Backend> device, String whyNoDevice) {
    this.settings = settings;
    this.host = host;
    this.device = device;
    this.whyNoDevice = whyNoDevice;
  }

  static OffloadBackend withDevice(Settings settings, Backend host, Backend device) {
    return new OffloadBackend(settings, host, Optional.of(device), "");
  }

  static OffloadBackend withoutDevice(Settings settings, Backend host, String reason) {
    return new OffloadBackend(settings, host, Optional.empty(), reason);
  }

  @Override
  public BackendId id() {
    return OffloadBackendProvider.ID;
  }

  @Override
  public String device() {
    return device
        .map(d ->
            "%s (%s), experts of %s on %s (%s)"
                .formatted(d.id(), d.device(), cpuLayers(), host.id(), host.device()))
        .orElseGet(() -> "%s (%s), experts from disk".formatted(host.id(), host.device()));
  }

  @Override
  public Optional<Accelerator> accelerator() {
    return device.flatMap(Backend::accelerator);
  }

  private String cpuLayers() {
    if (settings.cpuLayers().isEmpty()) {
      return settings.deviceMemory().isEmpty() ? "no layer" : "as many layers as pays";
    }
    int count = settings.cpuLayers().getAsInt();
    return count == 0
        ? "no layer"
        : count == Integer.MAX_VALUE ? "all layers" : "the first " + count + " layers";
  }

  @Override
  public Footprint footprint(ModelPlan plan, CompileOptions options, SessionOptions session) {
    long mapped = 0;
    long weights = 0;
    long cache = 0;
    long scratch = 0;
    for (Slices.Slice slice : slices(plan, options.precision())) {
      Footprint part =
          backend(slice).footprint(plan.slice(slice.from(), slice.to()), inner(options), session);
      mapped += part.mapped();
      weights += part.weights();
      cache += part.cache();
      scratch += part.scratch();
    }
    return new Footprint(mapped, weights, cache, scratch);
  }

  private List<Slices.Slice> slices(ModelPlan plan, Precision precision) {
    return device.isPresent()
        ? Slices.of(plan, hostLayers(plan, precision).before())
        : Slices.onHost(plan);
  }

  /** Decided once for a plan: a second measurement might decide otherwise. */
  private HostLayers.Choice hostLayers(ModelPlan plan, Precision precision) {
    lock.lock();
    try {
      if (decided == null || decided.plan != plan || decided.precision != precision) {
        decided =
            new Decided(
                plan,
                precision,
                new HostLayers(settings, host, device.orElseThrow())
                    .choose(plan, precision, counts()));
      }
      return decided.choice;
    } finally {
      lock.unlock();
    }
  }

  private record Decided(ModelPlan plan, Precision precision, HostLayers.Choice choice) {}

  private UseCounts counts() {
    return settings.profile().map(UseCounts::read).orElseGet(UseCounts::new);
  }

  private Backend backend(Slices.Slice slice) {
    return slice.onHost() ? host : device.orElse(host);
  }

  private static CompileOptions inner(CompileOptions options) {
    return options.limitedTo(OptionalLong.empty());
  }

  @Override
  public Offer<Executable> compile(ModelPlan plan, CompileOptions options) {
    if (closed) {
      throw new InvalidRequest("the backend is closed");
    }
    if (options.experts() != ExpertStore.NONE) {
      return Offer.declined("it lends experts itself and borrows none");
    }
    List<Slices.Slice> slices = slices(plan, options.precision());
    UseCounts counts = counts();
    List<Stage.MixtureOfExperts> onDevice = onDevice(plan, slices);
    Optional<DevicePlan> placed =
        device.isPresent() && settings.deviceMemory().isPresent()
            ? Optional.of(DevicePlan.of(onDevice, counts, settings.deviceMemory().getAsLong()))
            : Optional.empty();
    CompileOptions placing =
        placed.isPresent() || settings.profile().isPresent()
            ? options.placing(new MovingPlacement(onDevice, placed, settings.far(), counts))
            : options;
    List<Stage.MixtureOfExperts> lent = lent(plan, slices, options);
    Offer<Executable> offer =
        lent.isEmpty()
            ? compile(
                plan,
                plan,
                slices,
                placing,
                Optional.empty(),
                Stream.concat(placed.map(OffloadBackend::notice).stream(), reason(plan, options))
                    .toList())
            : compileLending(plan, slices, lent, placing);
    return settings.profile().isEmpty()
        ? offer
        : offer.map(executable ->
            ((OffloadExecutable) executable)
                .afterwards(() -> counts.write(settings.profile().get())));
  }

  private static List<Stage.MixtureOfExperts> onDevice(ModelPlan plan, List<Slices.Slice> slices) {
    List<Stage.MixtureOfExperts> onDevice = new ArrayList<>();
    for (Slices.Slice slice : slices) {
      for (Stage stage : plan.stages().subList(slice.from(), slice.to())) {
        if (!slice.onHost() && stage instanceof Stage.MixtureOfExperts mixture) {
          onDevice.add(mixture);
        }
      }
    }
    return onDevice;
  }

  /** Why so many layers' experts are computed by the host, where nobody has said how many. */
  private Stream<String> reason(ModelPlan plan, CompileOptions options) {
    if (device.isEmpty()) {
      return Stream.empty();
    }
    HostLayers.Choice choice = hostLayers(plan, options.precision());
    return choice.why().isEmpty()
        ? Stream.empty()
        : Stream.of(
            "the CPU computes the experts of %s (%s); --n-cpu-moe %d makes it so always"
                .formatted(
                    choice.before() == 0 ? "no layer" : "layers 0 to " + (choice.before() - 1),
                    choice.why(),
                    choice.before()));
  }

  private static String notice(DevicePlan plan) {
    return "%,d experts (%s) are in the device's memory and take %.0f %% of the uses; the others (%s) stay in the host's"
        .formatted(
            plan.near().size(),
            MemorySize.mebibytes(plan.nearBytes()),
            100 * plan.nearShare(),
            MemorySize.mebibytes(plan.farBytes()));
  }

  /** Layers whose experts the host computes and the file holds. */
  private List<Stage.MixtureOfExperts> lent(
      ModelPlan plan, List<Slices.Slice> slices, CompileOptions options) {
    if (device.isPresent() && settings.hostMemory().isEmpty()) {
      return List.of(); // the host reads the few that it computes from the mapped file
    }
    List<Stage.MixtureOfExperts> lent = new ArrayList<>();
    for (Slices.Slice slice : slices) {
      for (Stage stage : plan.stages().subList(slice.from(), slice.to())) {
        if (slice.onHost() && stage instanceof Stage.MixtureOfExperts m && isInFile(m, options)) {
          lent.add(m);
        }
      }
    }
    return lent;
  }

  /** Whether there is anything to be read: a plan that was made in memory is there already. */
  private static boolean isInFile(Stage.MixtureOfExperts stage, CompileOptions options) {
    return switch (stage.gate().form()) {
      case LinearForm.Dense dense ->
          dense.matrices().getFirst().isMapped()
              || options.files().find(dense.matrices().getFirst()).isPresent();
      case LinearForm.Tiled _ ->
          stage.gate().parts().values().stream()
              .anyMatch(part -> part.isMapped() || options.files().find(part).isPresent());
    };
  }

  private Offer<Executable> compileLending(
      ModelPlan plan,
      List<Slices.Slice> slices,
      List<Stage.MixtureOfExperts> lent,
      CompileOptions options) {
    if (!host.borrowsExperts()) {
      return Offer.declined(
          "the backend '%s' cannot run experts that are not all in memory".formatted(host.id()));
    }
    return switch (HostModel.survey(plan, options.files(), lent, kept(plan, slices, options))) {
      case Offer.Declined<HostModel>(String reason) -> Offer.declined(reason);
      case Offer.Accepted<HostModel>(HostModel model) ->
          compileLending(plan, slices, model, options);
    };
  }

  private Offer<Executable> compileLending(
      ModelPlan plan, List<Slices.Slice> slices, HostModel model, CompileOptions options) {
    OptionalLong limit = limit(options);
    if (limit.isEmpty()) {
      return Offer.declined(
          "this system does not say how much memory is free: give --host-memory, such as 2G");
    }
    HostBudget budget = budget(plan, slices, model, options, limit.getAsLong());
    return switch (budget.places()) {
      case Offer.Declined<Integer>(String reason) -> Offer.declined(reason);
      case Offer.Accepted<Integer>(Integer places) -> {
        boolean done = false;
        try {
          ModelPlan moved = model.load(places, settings.readers());
          Offer<Executable> offer =
              compile(
                  plan,
                  moved,
                  slices,
                  options.borrowingFrom(model.residency()),
                  Optional.of(new OffloadExecutable.Lending(model, budget, places)),
                  List.of(notice(model, budget, places)));
          done = offer instanceof Offer.Accepted<Executable>;
          yield offer;
        } catch (EspalierException.Unsupported e) {
          yield Offer.declined(String.valueOf(e.getMessage()));
        } catch (OutOfMemoryError e) {
          yield Offer.declined(
              "the system has no room for %s of experts: give a smaller --host-memory"
                  .formatted(MemorySize.mebibytes(places * budget.placeBytes())));
        } finally {
          if (!done) {
            model.close();
          }
        }
      }
    };
  }

  /** What the host reads again and again, apart from what its backend copies by itself. */
  private List<EncodedLinear> kept(
      ModelPlan plan, List<Slices.Slice> slices, CompileOptions options) {
    List<EncodedLinear> kept = new ArrayList<>();
    for (Slices.Slice slice : slices) {
      for (int i = slice.from(); slice.onHost() && i < slice.to(); i++) {
        switch (plan.stages().get(i)) {
          case Stage.Embedding _ -> {
            // read row by row
          }
          case Stage.Attention attention -> kept.addAll(attention.linears());
          case Stage.MixtureOfExperts mixture -> kept.add(mixture.router());
          case Stage.Head head -> {
            if (hostFootprint(plan, i, i + 1, options).mapped() > 0) {
              kept.add(head.output());
            }
          }
        }
      }
    }
    return kept;
  }

  private Footprint hostFootprint(ModelPlan plan, int from, int to, CompileOptions options) {
    return host.footprint(plan.slice(from, to), inner(options), session(plan, options));
  }

  private static SessionOptions session(ModelPlan plan, CompileOptions options) {
    return new SessionOptions(
        options.contextLength().orElse(plan.contextLength()), options.cache());
  }

  private OptionalLong limit(CompileOptions options) {
    OptionalLong machine =
        settings.hostMemory().isPresent() ? settings.hostMemory() : MachineMemory.available();
    return machine.isPresent() && options.memoryLimit().isPresent()
        ? OptionalLong.of(Math.min(machine.getAsLong(), options.memoryLimit().getAsLong()))
        : machine.isPresent() ? machine : options.memoryLimit();
  }

  private HostBudget budget(
      ModelPlan plan,
      List<Slices.Slice> slices,
      HostModel model,
      CompileOptions options,
      long limit) {
    long weights = 0;
    long cache = 0;
    long scratch = 0;
    for (Slices.Slice slice : slices) {
      if (slice.onHost()) {
        Footprint part = hostFootprint(plan, slice.from(), slice.to(), options);
        weights += part.weights();
        cache += part.cache();
        scratch += part.scratch();
      }
    }
    return new HostBudget(
        limit,
        RUNTIME_BYTES,
        weights + model.residentBytes(),
        cache,
        scratch,
        model.placeBytes(),
        model.used(),
        model.experts(),
        settings.places(),
        session(plan, options).contextLength());
  }

  private String notice(HostModel model, HostBudget budget, int places) {
    boolean direct = model.files().stream().allMatch(file -> file.isDirect());
    return "%sexperts are read from disk%s: %,d of %,d have a place in memory (%s of %s)"
        .formatted(
            device.isPresent()
                ? ""
                : "there is no GPU (%s: %s), so ".formatted(settings.device(), whyNoDevice),
            direct ? "" : ", through the page cache because the file system has no direct reads",
            places,
            model.experts(),
            MemorySize.mebibytes(places * budget.placeBytes()),
            MemorySize.mebibytes(budget.limit()));
  }

  private Offer<Executable> compile(
      ModelPlan plan,
      ModelPlan moved,
      List<Slices.Slice> slices,
      CompileOptions options,
      Optional<OffloadExecutable.Lending> lending,
      List<String> notices) {
    List<OffloadExecutable.Part> parts = new ArrayList<>();
    if (lending.isEmpty() && options.memoryLimit().isPresent()) {
      SessionOptions none = new SessionOptions(1, options.cache());
      Footprint need = footprint(plan, options, none);
      if (need.total() - need.cache() > options.memoryLimit().getAsLong()) {
        return Offer.declined(
            "the plan needs %,d bytes of memory and the limit is %,d"
                .formatted(need.total() - need.cache(), options.memoryLimit().getAsLong()));
      }
    }
    for (Slices.Slice slice : slices) {
      ModelPlan part = moved.slice(slice.from(), slice.to());
      CompileOptions partOptions =
          slice.onHost() ? inner(options) : inner(options).borrowingFrom(ExpertStore.NONE);
      switch (backend(slice).compile(part, partOptions)) {
        case Offer.Accepted<Executable>(Executable executable) ->
            parts.add(new OffloadExecutable.Part(backend(slice).id(), executable));
        case Offer.Declined<Executable>(String reason) -> {
          parts.forEach(done -> done.executable().close());
          return Offer.declined("%s: %s".formatted(backend(slice).id(), reason));
        }
      }
    }
    List<String> all = new ArrayList<>(notices);
    Set<String> said = new HashSet<>();
    parts.forEach(part -> part.executable().notices().stream().filter(said::add).forEach(all::add));
    return Offer.accepted(new OffloadExecutable(this, plan, options, parts, lending, all));
  }

  void requireOpen() {
    if (closed) {
      throw new InvalidRequest("the backend is closed");
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      host.close();
      device.ifPresent(Backend::close);
    }
  }
}
