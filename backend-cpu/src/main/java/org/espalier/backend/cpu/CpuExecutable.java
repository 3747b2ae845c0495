package org.espalier.backend.cpu;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Binding;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.backend.Step;
import org.espalier.api.model.ModelPlan;
import org.espalier.backend.cpu.stage.CompiledStages;
import org.espalier.backend.cpu.stage.Pass;
import org.espalier.backend.cpu.stage.SequenceState;

/** A plan bound to kernels. One forward pass runs at a time, on all workers. */
final class CpuExecutable implements Executable {
  private final CpuBackend backend;
  private final ModelPlan plan;
  private final CompileOptions options;
  private final List<Binding> bindings;
  private final CompiledStages stages;
  private final Pass pass;
  private final ReentrantLock lock = new ReentrantLock(true);
  private volatile boolean closed;

  CpuExecutable(
      CpuBackend backend,
      ModelPlan plan,
      CompileOptions options,
      List<Binding> bindings,
      CompiledStages stages,
      Pass pass) {
    this.backend = backend;
    this.plan = plan;
    this.options = options;
    this.bindings = List.copyOf(bindings);
    this.stages = stages;
    this.pass = pass;
  }

  @Override
  public ModelPlan plan() {
    return plan;
  }

  @Override
  public List<Binding> bindings() {
    return bindings;
  }

  @Override
  public Session open(SessionOptions session) {
    requireOpen();
    if (options.memoryLimit().isPresent()) {
      long need = backend.footprint(plan, options, session).total();
      long limit = options.memoryLimit().getAsLong();
      if (need > limit) {
        throw new DeviceFailure(
            "a session of %,d positions needs %,d bytes of memory in all and the limit is %,d: use a shorter context"
                .formatted(session.contextLength(), need, limit));
      }
    }
    return new CpuSession(this, session, new SequenceState(stages, session.cacheType()));
  }

  @Override
  public List<Rows> forward(List<Step> steps) {
    lock.lock();
    try {
      requireOpen();
      List<CpuSession> sessions = check(steps);
      reserve(steps, sessions);
      pass.clear();
      for (int i = 0; i < steps.size(); i++) {
        enter(steps.get(i), sessions.get(i));
      }
      stages.run();
      List<Rows> results = new ArrayList<>(steps.size());
      int first = 0;
      for (int i = 0; i < steps.size(); i++) {
        sessions.get(i).state().advance(steps.get(i).input().count());
        results.add(new Result(first, steps.get(i).wanted()));
        first += steps.get(i).wanted();
      }
      return results;
    } finally {
      lock.unlock();
    }
  }

  private void requireOpen() {
    if (closed || backend.isClosed()) {
      throw new InvalidRequest("the model is closed");
    }
  }

  private List<CpuSession> check(List<Step> steps) {
    List<CpuSession> sessions = new ArrayList<>(steps.size());
    Set<Session> seen = new HashSet<>();
    long total = 0;
    for (Step step : steps) {
      if (!(step.session() instanceof CpuSession session) || session.executable() != this) {
        throw new InvalidRequest("a session can only be used with the model that opened it");
      }
      if (session.isClosed()) {
        throw new InvalidRequest("the session is closed");
      }
      if (!seen.add(session)) {
        throw new InvalidRequest("a session can take only one step per pass");
      }
      int count = step.input().count();
      if (step.wanted() < 0 || step.wanted() > count) {
        throw new InvalidRequest(
            "%d outputs are wanted of %d positions".formatted(step.wanted(), count));
      }
      if (session.position() + (long) count > session.contextLength()) {
        throw new InvalidRequest(
            "%d more positions do not fit: the context of %d is filled up to %d"
                .formatted(count, session.contextLength(), session.position()));
      }
      checkInput(step.input());
      total += count;
      sessions.add(session);
    }
    if (total > options.maximumRows()) {
      throw new InvalidRequest(
          "a pass takes at most %d positions, not %d".formatted(options.maximumRows(), total));
    }
    return sessions;
  }

  private void checkInput(Activations input) {
    switch (input) {
      case Activations.Tokens(int[] ids) -> {
        if (!plan.takesTokens()) {
          throw new InvalidRequest("this slice of a model takes rows, not tokens");
        }
        for (int id : ids) {
          if (id < 0 || id >= plan.vocabulary()) {
            throw new InvalidRequest(
                "token %d is outside the vocabulary of %d".formatted(id, plan.vocabulary()));
          }
        }
      }
      case Rows rows -> {
        if (plan.takesTokens()) {
          throw new InvalidRequest("this model takes tokens, not rows");
        }
        if (rows.width() != plan.width()) {
          throw new InvalidRequest(
              "rows have %d values where the model has %d".formatted(rows.width(), plan.width()));
        }
      }
    }
  }

  private void reserve(List<Step> steps, List<CpuSession> sessions) {
    for (int i = 0; i < steps.size(); i++) {
      CpuSession session = sessions.get(i);
      int length = session.position() + steps.get(i).input().count();
      try {
        session.state().reserve(length);
      } catch (OutOfMemoryError e) {
        throw new DeviceFailure(
            "no memory is left for the key–value cache at position %d (%,d MiB of Java heap): use a shorter context or a larger -Xmx"
                .formatted(length, Runtime.getRuntime().maxMemory() >> 20),
            e);
      }
    }
  }

  private void enter(Step step, CpuSession session) {
    int count = step.input().count();
    for (int i = 0; i < count; i++) {
      int row = pass.add(session.state(), session.position() + i, i >= count - step.wanted());
      switch (step.input()) {
        case Activations.Tokens(int[] ids) -> pass.token(row, ids[i]);
        case Rows rows -> rows.read(i, pass.residual(), row * plan.width());
      }
    }
  }

  @Override
  public void close() {
    closed = true;
  }

  /** A window on the last pass. */
  private final class Result implements Rows {
    private final int first;
    private final int count;

    Result(int first, int count) {
      this.first = first;
      this.count = count;
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
      stages.read(first + row, target, offset);
    }
  }
}
