package org.espalier.backend.cpu;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
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
import org.espalier.api.backend.SessionRules;
import org.espalier.api.backend.Step;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;
import org.espalier.backend.cpu.stage.CompiledStages;
import org.espalier.backend.cpu.stage.Pass;
import org.espalier.backend.cpu.stage.SequenceState;

/** A plan bound to kernels. One forward pass runs at a time, on all workers. */
final class CpuExecutable implements Executable {
  private final CpuBackend backend;
  private final ModelPlan plan;
  private final CompileOptions options;
  private final List<KernelRegistry.Choice> choices;
  private final CompiledStages stages;
  private final Pass pass;
  private final ReentrantLock lock = new ReentrantLock(true);
  private volatile boolean closed;

  CpuExecutable(
      CpuBackend backend,
      ModelPlan plan,
      CompileOptions options,
      List<KernelRegistry.Choice> choices,
      CompiledStages stages,
      Pass pass) {
    this.backend = backend;
    this.plan = plan;
    this.options = options;
    this.choices = List.copyOf(choices);
    this.stages = stages;
    this.pass = pass;
  }

  @Override
  public ModelPlan plan() {
    return plan;
  }

  @Override
  public List<Binding> bindings() {
    List<Binding> bindings = new ArrayList<>();
    for (Stage stage : plan.stages()) {
      if (stage instanceof Stage.Embedding(EncodedLinear table)) {
        bindings.add(new Binding(table.id(), "lookup", List.of()));
      }
    }
    choices.forEach(choice -> bindings.add(choice.binding()));
    return List.copyOf(bindings);
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
    return new CpuSession(this, session, new SequenceState(stages, session.cache()));
  }

  @Override
  public List<Rows> forward(List<Step> steps) {
    lock.lock();
    try {
      requireOpen();
      steps.forEach(step -> own(step.session()));
      SessionRules.checkPass(steps, plan, options.maximumRows());
      pass.clear();
      for (Step step : steps) {
        enter(own(step.session()), step.input(), step.wanted());
      }
      stages.run();
      List<Rows> results = new ArrayList<>(steps.size());
      int first = 0;
      for (Step step : steps) {
        results.add(finish(own(step.session()), step.input(), first, step.wanted()));
        first += step.wanted();
      }
      return results;
    } finally {
      lock.unlock();
    }
  }

  /** The common case of a single step, which allocates nothing. */
  Rows forward(CpuSession session, Activations input, int wanted) {
    lock.lock();
    try {
      requireOpen();
      own(session);
      SessionRules.checkStep(session, input, wanted, plan);
      SessionRules.checkRows(input.count(), options.maximumRows());
      pass.clear();
      enter(session, input, wanted);
      stages.run();
      return finish(session, input, 0, wanted);
    } finally {
      lock.unlock();
    }
  }

  /** Copies the first positions of one session into another. */
  boolean copy(Session from, CpuSession to, int positions) {
    lock.lock();
    try {
      requireOpen();
      CpuSession source = own(from);
      SessionRules.checkCopy(source, own(to), positions);
      reserve(to, positions);
      return to.state().copyFrom(source.state(), positions);
    } finally {
      lock.unlock();
    }
  }

  private static Rows finish(CpuSession session, Activations input, int first, int wanted) {
    session.state().advance(input.count());
    return session.output().window(first, wanted);
  }

  /** A session of this executable that is open. */
  private CpuSession own(Session session) {
    if (!(session instanceof CpuSession mine) || mine.executable() != this) {
      throw new InvalidRequest("a session can only be used with the model that opened it");
    }
    if (mine.isClosed()) {
      throw new InvalidRequest("the session is closed");
    }
    return mine;
  }

  private void requireOpen() {
    if (closed || backend.isClosed()) {
      throw new InvalidRequest("the model is closed");
    }
  }

  private void enter(CpuSession session, Activations input, int wanted) {
    int count = input.count();
    int position = session.position();
    reserve(session, position + count);
    for (int i = 0; i < count; i++) {
      int row = pass.add(session.state(), position + i, i >= count - wanted);
      switch (input) {
        case Activations.Tokens(int[] ids) -> pass.token(row, ids[i]);
        case Rows rows -> rows.read(i, pass.residual(), row * plan.width());
      }
    }
  }

  private static void reserve(CpuSession session, int length) {
    try {
      session.state().reserve(length);
    } catch (OutOfMemoryError e) {
      throw new DeviceFailure(
          "no memory is left for the key–value cache at position %d (%,d MiB of Java heap): use a shorter context or a larger -Xmx"
              .formatted(length, Runtime.getRuntime().maxMemory() >> 20),
          e);
    }
  }

  @Override
  public void close() {
    closed = true;
  }

  /** A session's window on the last pass, which moves with each of its passes. */
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
      stages.read(first + row, target, offset);
    }
  }
}
