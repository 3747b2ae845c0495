package org.espalier.backend.offload;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.IntStream;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.Binding;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.ExpertTraffic;
import org.espalier.api.backend.Footprint;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.backend.Step;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;
import org.espalier.backend.offload.disk.SourceFile;
import org.espalier.backend.offload.placement.HostBudget;
import org.espalier.backend.offload.placement.MemorySize;
import org.espalier.backend.offload.placement.MovingPlacement;
import org.espalier.backend.offload.residency.Tally;

/** Parts of a plan, one after another, each on its backend. */
final class OffloadExecutable implements Executable {
  private final OffloadBackend backend;
  private final ModelPlan plan;
  private final CompileOptions options;
  private final List<Part> parts;
  private final Optional<Lending> lending;
  private final List<String> notices;
  private final ReentrantLock lock = new ReentrantLock(true);
  private final Set<OffloadSession> sessions = new HashSet<>();
  private long positions;
  private long passNanos;
  private Runnable last = () -> {};
  private boolean closed;

  /**
   * A slice of the plan.
   *
   * @param backend who runs it
   */
  record Part(BackendId backend, Executable executable) {}

  /**
   * Experts that come from disk.
   *
   * @param places experts that fit in memory
   */
  record Lending(HostModel model, HostBudget budget, int places) {}

  OffloadExecutable(
      OffloadBackend backend,
      ModelPlan plan,
      CompileOptions options,
      List<Part> parts,
      Optional<Lending> lending,
      List<String> notices) {
    this.backend = backend;
    this.plan = plan;
    this.options = options;
    this.parts = List.copyOf(parts);
    this.lending = lending;
    this.notices = List.copyOf(notices);
  }

  /** This, which does something more when it is closed. */
  OffloadExecutable afterwards(Runnable action) {
    last = action;
    return this;
  }

  @Override
  public ModelPlan plan() {
    return plan;
  }

  @Override
  public List<Binding> bindings() {
    return parts.stream().flatMap(part -> part.executable.bindings().stream()).toList();
  }

  @Override
  public List<String> notices() {
    return notices;
  }

  @Override
  public Session open(SessionOptions session) {
    lock.lock();
    try {
      requireOpen();
      requireRoom(session);
      List<Session> inner = new ArrayList<>();
      boolean done = false;
      try {
        for (Part part : parts) {
          inner.add(part.executable.open(session));
        }
        OffloadSession opened = new OffloadSession(this, session, inner, cacheBytes(session));
        sessions.add(opened);
        done = true;
        return opened;
      } finally {
        if (!done) {
          inner.forEach(Session::close);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private long cacheBytes(SessionOptions session) {
    return backend.footprint(plan, options, session).cache();
  }

  private void requireRoom(SessionOptions session) {
    long needed =
        cacheBytes(session) + sessions.stream().mapToLong(OffloadSession::cacheBytes).sum();
    if (lending.isPresent()) {
      HostBudget budget = lending.get().budget;
      long free = budget.limit() - budget.fixed() - lending.get().places * budget.placeBytes();
      if (needed > budget.cache() + Math.max(0, free)) {
        throw new DeviceFailure(
            "sessions of %s of keys and values in all do not fit: memory was divided for %s, one session of %d positions"
                .formatted(
                    MemorySize.mebibytes(needed),
                    MemorySize.mebibytes(budget.cache()),
                    budget.contextLength()));
      }
    } else if (options.memoryLimit().isPresent()) {
      Footprint all = backend.footprint(plan, options, session);
      long total = all.total() - all.cache() + needed;
      if (total > options.memoryLimit().getAsLong()) {
        throw new DeviceFailure(
            "a session of %,d positions needs %,d bytes of memory in all and the limit is %,d: use a shorter context"
                .formatted(session.contextLength(), total, options.memoryLimit().getAsLong()));
      }
    }
  }

  void closed(OffloadSession session) {
    lock.lock();
    try {
      sessions.remove(session);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public List<Rows> forward(List<Step> steps) {
    lock.lock();
    try {
      requireOpen();
      List<OffloadSession> owners = owners(steps);
      int[] before = owners.stream().mapToInt(OffloadSession::position).toArray();
      long start = System.nanoTime();
      boolean done = false;
      try {
        requireUnchangedFiles();
        List<Rows> rows = run(steps, owners);
        requireUnchangedFiles();
        positions += steps.stream().mapToLong(step -> step.input().count()).sum();
        done = true;
        return rows;
      } finally {
        passNanos += System.nanoTime() - start;
        if (!done) {
          for (int i = 0; i < before.length; i++) {
            owners.get(i).goBack(before[i]);
          }
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private List<OffloadSession> owners(List<Step> steps) {
    List<OffloadSession> owners = new ArrayList<>();
    for (Step step : steps) {
      if (!(step.session() instanceof OffloadSession session) || session.executable() != this) {
        throw new InvalidRequest("a session can only be used with the model that opened it");
      }
      session.requireOpen();
      if (owners.contains(session)) {
        throw new InvalidRequest("a session can take only one step per pass");
      }
      owners.add(session);
    }
    return owners;
  }

  /** Hands rows from part to part. All rows go on; only the last part is asked for fewer. */
  private List<Rows> run(List<Step> steps, List<OffloadSession> owners) {
    List<? extends Activations> inputs = steps.stream().map(Step::input).toList();
    List<Rows> rows = List.of();
    for (int p = 0; p < parts.size(); p++) {
      int part = p;
      boolean isLast = p == parts.size() - 1;
      List<? extends Activations> input = inputs;
      rows =
          parts
              .get(p)
              .executable
              .forward(
                  IntStream.range(0, steps.size())
                      .mapToObj(i ->
                          new Step(
                              owners.get(i).part(part),
                              input.get(i),
                              isLast ? steps.get(i).wanted() : input.get(i).count()))
                      .toList());
      inputs = rows;
    }
    return rows;
  }

  private void requireUnchangedFiles() {
    lending.ifPresent(lender -> lender.model.files().forEach(SourceFile::requireUnchanged));
  }

  private void requireOpen() {
    if (closed) {
      throw new InvalidRequest("the model is closed");
    }
    backend.requireOpen();
  }

  @Override
  public Optional<ExpertTraffic> traffic() {
    Tally tally = lending.map(l -> l.model.residency().tally()).orElseGet(Tally::none);
    boolean direct =
        lending.stream().flatMap(l -> l.model.files().stream()).allMatch(SourceFile::isDirect);
    MovingPlacement.Counts device =
        options.placement() instanceof MovingPlacement moving
            ? moving.counts()
            : new MovingPlacement.Counts(0, 0, 0, 0);
    return Optional.of(
        new ExpertTraffic(
            positions,
            tally.used() + device.used(),
            tally.found() + device.found(),
            tally.ahead(),
            tally.moved() + device.moved(),
            tally.wasted(),
            tally.waitedNanos(),
            tally.readingNanos(),
            passNanos,
            lending.isEmpty()
                ? device.used() > 0 ? "the host's memory" : "nowhere"
                : direct ? "disk (direct reads)" : "disk (page cache)",
            homes()));
  }

  private List<ExpertTraffic.Home> homes() {
    List<ExpertTraffic.Home> homes = new ArrayList<>();
    for (Part part : parts) {
      Optional<ExpertTraffic> own = part.executable.traffic();
      if (own.isPresent()) {
        homes.addAll(own.get().homes());
        continue;
      }
      for (Stage stage : part.executable.plan().stages()) {
        if (stage instanceof Stage.MixtureOfExperts mixture) {
          addHomes(part, mixture, homes);
        }
      }
    }
    return homes;
  }

  private void addHomes(Part part, Stage.MixtureOfExperts mixture, List<ExpertTraffic.Home> homes) {
    int layer = mixture.layer();
    List<Integer> all = IntStream.range(0, mixture.experts()).boxed().toList();
    if (lending.isPresent() && lending.get().model.residency().lends(layer)) {
      List<Integer> there = lending.get().model.residency().inMemory(layer);
      homes.add(new ExpertTraffic.Home(layer, "memory", there));
      homes.add(
          new ExpertTraffic.Home(
              layer, "disk", all.stream().filter(e -> !there.contains(e)).toList()));
    } else {
      addPlaced(part, layer, all, homes);
    }
  }

  private void addPlaced(Part part, int layer, List<Integer> all, List<ExpertTraffic.Home> homes) {
    List<Integer> near =
        options.placement() instanceof MovingPlacement moving && !moving.places(layer)
            ? all // by the host, where they lie
            : all.stream().filter(expert -> options.placement().isNear(layer, expert)).toList();
    homes.add(new ExpertTraffic.Home(layer, part.backend.value(), near));
    if (near.size() < all.size()) {
      homes.add(
          new ExpertTraffic.Home(
              layer,
              "host memory for " + part.backend,
              all.stream().filter(expert -> !near.contains(expert)).toList()));
    }
  }

  @Override
  public void close() {
    lock.lock();
    try {
      if (!closed) {
        closed = true;
        parts.forEach(part -> part.executable.close());
        lending.ifPresent(lender -> lender.model.close());
        last.run();
      }
    } finally {
      lock.unlock();
    }
  }
}
