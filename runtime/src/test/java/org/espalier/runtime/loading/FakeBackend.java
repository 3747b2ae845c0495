package org.espalier.runtime.loading;

import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.espalier.api.Offer;
import org.espalier.api.backend.Accelerator;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.BackendProvider;
import org.espalier.api.backend.Binding;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.Footprint;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.backend.Step;
import org.espalier.api.model.ModelPlan;

/** A backend that computes nothing and writes down what is opened and closed. */
public final class FakeBackend implements BackendProvider {
  private final BackendId id;
  private final int preference;
  private final List<String> log;

  /** What it does when it starts, instead of starting. */
  public Function<Context, Offer<Backend>> opening = this::started;

  /** What it does when it compiles, instead of compiling. */
  public Function<ModelPlan, Offer<Executable>> compiling =
      plan -> Offer.accepted(new FakeExecutable(plan));

  /** What it computes on. */
  public Optional<Accelerator> accelerator = Optional.empty();

  public CompileOptions compiledWith;
  public SessionOptions openedWith;

  public FakeBackend(String id, int preference, List<String> log) {
    this.id = new BackendId(id);
    this.preference = preference;
    this.log = log;
  }

  @Override
  public BackendId id() {
    return id;
  }

  @Override
  public String description() {
    return "computes nothing";
  }

  @Override
  public int preference() {
    return preference;
  }

  @Override
  public Offer<Backend> open(Context context) {
    return opening.apply(context);
  }

  public Offer<Backend> started(Context context) {
    log.add("open " + id);
    return Offer.accepted(new Started());
  }

  private final class Started implements Backend {
    @Override
    public Optional<Accelerator> accelerator() {
      return accelerator;
    }

    @Override
    public BackendId id() {
      return id;
    }

    @Override
    public String device() {
      return "an abacus";
    }

    @Override
    public Footprint footprint(ModelPlan plan, CompileOptions options, SessionOptions session) {
      return new Footprint(0, 0, 0, 0);
    }

    @Override
    public Offer<Executable> compile(ModelPlan plan, CompileOptions options) {
      log.add("compile " + id);
      compiledWith = options;
      return compiling.apply(plan);
    }

    @Override
    public void close() {
      log.add("close " + id);
    }
  }

  private final class FakeExecutable implements Executable {
    private final ModelPlan plan;

    FakeExecutable(ModelPlan plan) {
      this.plan = plan;
    }

    @Override
    public ModelPlan plan() {
      return plan;
    }

    @Override
    public List<Binding> bindings() {
      return List.of();
    }

    @Override
    public Session open(SessionOptions options) {
      openedWith = options;
      throw new UnsupportedOperationException("computes nothing");
    }

    @Override
    public List<Rows> forward(List<Step> steps) {
      throw new UnsupportedOperationException("computes nothing");
    }

    @Override
    public void close() {
      log.add("close executable of " + id);
    }
  }
}
