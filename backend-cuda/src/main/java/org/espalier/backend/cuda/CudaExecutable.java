package org.espalier.backend.cuda;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Binding;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.ExpertTraffic;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.backend.SessionRules;
import org.espalier.api.backend.Step;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.tensor.ElementType;
import org.espalier.backend.cuda.stage.Program;
import org.espalier.backend.cuda.weights.DeviceMemory;

/** A plan in the memory of a GPU. */
final class CudaExecutable implements Executable {
  private final CudaBackend backend;
  private final ModelPlan plan;
  private final CompileOptions options;
  private final Program program;
  private final DeviceMemory memory;
  private final ReentrantLock lock;
  private final Set<CudaSession> sessions = new HashSet<>();
  private boolean closed;

  CudaExecutable(
      CudaBackend backend,
      ModelPlan plan,
      CompileOptions options,
      Program program,
      DeviceMemory memory) {
    this.backend = backend;
    this.plan = plan;
    this.options = options;
    this.program = program;
    this.memory = memory;
    this.lock = backend.lock();
  }

  @Override
  public ModelPlan plan() {
    return plan;
  }

  @Override
  public List<Binding> bindings() {
    return program.bindings();
  }

  @Override
  public Optional<ExpertTraffic> traffic() {
    List<ExpertTraffic.Home> homes =
        alone(() -> program.homes(backend.id().value(), "host memory for " + backend.id()));
    return homes.stream().map(ExpertTraffic.Home::layer).distinct().count() == homes.size()
        ? Optional.empty() // none is on the host
        : Optional.of(new ExpertTraffic(0, 0, 0, 0, 0, 0, 0, 0, 0, "nowhere", homes));
  }

  /** One thread at a time, and the GPU is its own. */
  private <T> T alone(Supplier<T> work) {
    lock.lock();
    try {
      requireOpen();
      backend.gpu().enter();
      return work.get();
    } finally {
      lock.unlock();
    }
  }

  private void requireOpen() {
    if (closed || backend.isClosed()) {
      throw new InvalidRequest("the model is closed");
    }
  }

  @Override
  public Session open(SessionOptions session) {
    CudaBackend.refusal(session.cache())
        .ifPresent(reason -> {
          throw new Unsupported(reason);
        });
    return alone(() -> {
      long limit = options.memoryLimit().orElse(Long.MAX_VALUE);
      long others =
          sessions.stream().mapToLong(o -> sessionBytes(o.contextLength(), o.cacheType())).sum();
      long need =
          backend.fixedBytes(plan, options)
              + others
              + CudaBackend.cacheBytes(plan, options, session);
      if (need > limit) {
        throw new DeviceFailure(
            "a session of %,d positions needs %,d bytes of memory in all and the limit is %,d: use a shorter context"
                .formatted(session.contextLength(), need, limit));
      }
      requireFree(session);
      program.reserve(session.contextLength());
      long bytes = sessionBytes(session.contextLength(), CudaBackend.elements(session.cache()));
      CudaSession opened = new CudaSession(this, session, memory.allocate(bytes));
      sessions.add(opened);
      return opened;
    });
  }

  private long sessionBytes(int positions, ElementType type) {
    return Program.cacheValues(plan) * positions * type.bytes();
  }

  private void requireFree(SessionOptions session) {
    long need = CudaBackend.cacheBytes(plan, options, session);
    long free = backend.gpu().freeBytes();
    if (need > free) {
      throw new DeviceFailure(
          "a session of %,d positions needs %,d MiB of GPU memory for its keys and values and %,d MiB are free: use a shorter context"
              .formatted(session.contextLength(), (need >> 20) + 1, free >> 20));
    }
  }

  /** Gives a session's memory back. */
  void release(CudaSession session) {
    lock.lock();
    try {
      if (sessions.remove(session) && !closed && !backend.isClosed()) {
        backend.gpu().enter();
        program.await();
        memory.free(session.cache());
      }
    } finally {
      lock.unlock();
    }
  }

  /** Copies what one session remembers into another, if it would lie there in the same way. */
  boolean copy(Session from, CudaSession to, int positions) {
    return alone(() -> {
      CudaSession source = own(from);
      SessionRules.checkCopy(source, own(to), positions);
      boolean same =
          source.contextLength() == to.contextLength() && source.cacheType() == to.cacheType();
      if (same && source != to) {
        long bytes = sessionBytes(to.contextLength(), to.cacheType());
        backend.gpu().copy(to.cache(), source.cache(), bytes);
      }
      return same;
    });
  }

  @Override
  public List<Rows> forward(List<Step> steps) {
    return alone(() -> {
      steps.forEach(step -> own(step.session()));
      SessionRules.checkPass(steps, plan, options.maximumRows());
      return run(steps, steps.stream().mapToInt(step -> step.input().count()).sum());
    });
  }

  /** A row of a pass: which step it belongs to, and which of its rows it is. */
  private record Source(Step step, int row) {}

  private List<Rows> run(List<Step> steps, int total) {
    List<Source> sources = new ArrayList<>(total);
    int wanted = 0;
    for (Step step : steps) {
      for (int i = 0; i < step.input().count(); i++) {
        sources.add(new Source(step, i));
      }
      wanted += step.wanted();
    }
    program.reserveResults(wanted);
    program.exchange();
    int firstResult = 0;
    for (int first = 0; first < total; first += program.chunk()) {
      int end = Math.min(total, first + program.chunk());
      List<Program.RowPlace> places =
          sources.subList(first, end).stream().map(this::place).toList();
      program.run(first, places, (i, target) -> read(sources.get(i), target), firstResult);
      firstResult += (int) places.stream().filter(Program.RowPlace::isWanted).count();
    }
    List<Rows> results = new ArrayList<>(steps.size());
    int first = 0;
    for (Step step : steps) {
      CudaSession session = own(step.session());
      session.advance(step.input().count());
      results.add(session.output().window(first, step.wanted()));
      first += step.wanted();
    }
    return results;
  }

  private Program.RowPlace place(Source source) {
    CudaSession session = own(source.step().session());
    int count = source.step().input().count();
    return new Program.RowPlace(
        session.cache(),
        session.position() + source.row(),
        session.contextLength(),
        session.cacheType().ordinal(),
        source.row() >= count - source.step().wanted());
  }

  private void read(Source source, float[] target) {
    switch (source.step().input()) {
      case Activations.Tokens(int[] ids) -> program.readToken(ids[source.row()], target);
      case Rows rows -> rows.read(source.row(), target, 0);
    }
  }

  /** A session of this executable that is open. */
  private CudaSession own(Session session) {
    if (!(session instanceof CudaSession mine) || mine.executable() != this) {
      throw new InvalidRequest("a session can only be used with the model that opened it");
    }
    if (mine.isClosed()) {
      throw new InvalidRequest("the session is closed");
    }
    return mine;
  }

  @Override
  public void close() {
    lock.lock();
    try {
      if (!closed && !backend.isClosed()) {
        backend.gpu().enter();
        program.close();
        memory.close();
        backend.forget(this);
      }
      closed = true;
    } finally {
      lock.unlock();
    }
  }

  /** A session's window on the last pass. */
  Output newOutput() {
    return new Output();
  }

  /** Rows of the last pass that belong to one session. */
  final class Output implements Rows {
    private int first;
    private int count;

    private Output window(int newFirst, int newCount) {
      first = newFirst;
      count = newCount;
      return this;
    }

    @Override
    public int count() {
      return count;
    }

    @Override
    public int width() {
      return plan.outputWidth();
    }

    @Override
    public void read(int row, float[] target, int offset) {
      Objects.checkIndex(row, count);
      alone(() -> {
        program.read(first + row, target, offset);
        return true;
      });
    }
  }
}
