package org.espalier.testkit.contract;

import java.util.ArrayList;
import java.util.List;
import org.espalier.api.Offer;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.Binding;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.Footprint;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.backend.Step;
import org.espalier.api.model.ModelPlan;
import org.espalier.testkit.reference.ReferenceBackend;

/** The reference backend with doors at which a test can plant one fault. */
class WrappedBackend implements Backend {
  private final Backend inner = ReferenceBackend.create();

  CompileOptions options(CompileOptions options) {
    return options;
  }

  SessionOptions options(SessionOptions options) {
    return options;
  }

  Activations input(ModelPlan plan, Activations input) {
    return input;
  }

  Rows output(ModelPlan plan, Rows output) {
    return output;
  }

  List<Rows> outputs(List<Rows> outputs) {
    return outputs;
  }

  int wanted(int wanted, int count) {
    return wanted;
  }

  List<Binding> bindings(List<Binding> bindings) {
    return bindings;
  }

  void truncate(Session session, int position) {
    session.truncate(position);
  }

  @Override
  public BackendId id() {
    return new BackendId("wrapped");
  }

  @Override
  public String device() {
    return inner.device();
  }

  @Override
  public Footprint footprint(ModelPlan plan, CompileOptions options, SessionOptions session) {
    return inner.footprint(plan, options, session);
  }

  @Override
  public Offer<Executable> compile(ModelPlan plan, CompileOptions options) {
    return inner.compile(plan, options(options)).map(WrappedExecutable::new);
  }

  @Override
  public void close() {
    inner.close();
  }

  private final class WrappedExecutable implements Executable {
    private final Executable inner;

    WrappedExecutable(Executable inner) {
      this.inner = inner;
    }

    @Override
    public ModelPlan plan() {
      return inner.plan();
    }

    @Override
    public List<Binding> bindings() {
      return WrappedBackend.this.bindings(inner.bindings());
    }

    @Override
    public Session open(SessionOptions options) {
      return new WrappedSession(this, inner.open(WrappedBackend.this.options(options)));
    }

    @Override
    public List<Rows> forward(List<Step> steps) {
      List<Step> changed = new ArrayList<>();
      for (Step step : steps) {
        Session session =
            step.session() instanceof WrappedSession wrapped ? wrapped.inner : step.session();
        int wanted = wanted(step.wanted(), step.input().count());
        changed.add(new Step(session, input(plan(), step.input()), wanted));
      }
      List<Rows> outputs = outputs(inner.forward(changed));
      return outputs.stream().map(rows -> output(plan(), rows)).toList();
    }

    @Override
    public void close() {
      inner.close();
    }
  }

  private final class WrappedSession implements Session {
    private final WrappedExecutable executable;
    private final Session inner;

    WrappedSession(WrappedExecutable executable, Session inner) {
      this.executable = executable;
      this.inner = inner;
    }

    @Override
    public int position() {
      return inner.position();
    }

    @Override
    public int contextLength() {
      return inner.contextLength();
    }

    @Override
    public void truncate(int position) {
      WrappedBackend.this.truncate(inner, position);
    }

    @Override
    public Rows forward(Activations input, int wanted) {
      return executable.forward(List.of(new Step(this, input, wanted))).getFirst();
    }

    @Override
    public void close() {
      inner.close();
    }
  }
}
