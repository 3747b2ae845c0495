package org.espalier.testkit.reference;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Binding;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.HostRows;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.backend.SessionRules;
import org.espalier.api.backend.Step;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;

/** A compiled plan: a runner per stage. */
final class ReferenceExecutable implements Executable {
  private final ModelPlan plan;
  private final CompileOptions options;
  private final Optional<Linear> table;
  private final List<StageRunner> runners;

  /** Bytes taken, with the caches of all open sessions. */
  private long memory;

  private boolean closed;

  /**
   * @param memory bytes that it takes without any session
   */
  ReferenceExecutable(ModelPlan plan, CompileOptions options, long memory) {
    this.plan = plan;
    this.options = options;
    this.memory = memory;
    boolean keep = Memory.keeps(plan);
    Optional<Linear> table = Optional.empty();
    List<StageRunner> runners = new ArrayList<>();
    for (Stage stage : plan.stages()) {
      switch (stage) {
        case Stage.Embedding embedding -> table = Optional.of(new Linear(embedding.table(), keep));
        case Stage.Attention attention -> runners.add(new Attention(attention, keep));
        case Stage.MixtureOfExperts mixture ->
            runners.add(new MixtureOfExperts(mixture, options.experts(), keep));
        case Stage.Head head -> runners.add(new Head(head, keep));
      }
    }
    this.table = table;
    this.runners = List.copyOf(runners);
  }

  @Override
  public ModelPlan plan() {
    return plan;
  }

  @Override
  public List<Binding> bindings() {
    return plan.linears().stream()
        .map(linear -> new Binding(linear.id(), "reference", List.of()))
        .toList();
  }

  /**
   * Begins a sequence.
   *
   * @throws DeviceFailure when its cache does not fit under the memory limit any more
   */
  @Override
  public synchronized Session open(SessionOptions session) {
    requireOpen();
    long needed = memory + Memory.cache(plan, session.contextLength());
    if (options.memoryLimit().isPresent() && needed > options.memoryLimit().getAsLong()) {
      throw new DeviceFailure(
          "a session of %d positions would bring memory to %d bytes but the limit is %d bytes"
              .formatted(session.contextLength(), needed, options.memoryLimit().getAsLong()));
    }
    memory = needed;
    return new ReferenceSession(this, session);
  }

  synchronized void release(ReferenceSession session) {
    memory -= Memory.cache(plan, session.contextLength());
  }

  /** Copies the first positions of one session into another. */
  synchronized boolean copy(Session from, ReferenceSession to, int positions) {
    requireOpen();
    return to.takeOver(own(from), positions);
  }

  private ReferenceSession own(Session session) {
    if (session instanceof ReferenceSession mine && mine.belongsTo(this)) {
      return mine;
    }
    throw new InvalidRequest("a session can only be used with the executable that opened it");
  }

  @Override
  public synchronized List<Rows> forward(List<Step> steps) {
    requireOpen();
    check(steps);
    Pass pass = new Pass(rows(steps), options.observer(), options.placement());
    double[][] x = input(steps);
    for (StageRunner runner : runners) {
      x = runner.run(x, pass);
      roundToFloat(x);
    }
    double[][] output = plan.givesLogits() ? x : Head.wanted(x, pass);
    for (Step step : steps) {
      ((ReferenceSession) step.session()).advance(step.input().count());
    }
    return split(output, steps);
  }

  @Override
  public synchronized void close() {
    closed = true;
  }

  private void requireOpen() {
    if (closed) {
      throw new InvalidRequest("the model is closed: compile it again");
    }
  }

  /** Everything is checked before anything is computed, so a refused pass changes nothing. */
  private void check(List<Step> steps) {
    steps.forEach(step -> own(step.session()).requireOpen());
    SessionRules.checkPass(steps, plan, options.maximumRows());
  }

  private static List<Pass.Row> rows(List<Step> steps) {
    List<Pass.Row> rows = new ArrayList<>();
    for (Step step : steps) {
      ReferenceSession session = (ReferenceSession) step.session();
      int count = step.input().count();
      for (int i = 0; i < count; i++) {
        boolean wanted = i >= count - step.wanted();
        rows.add(new Pass.Row(session, session.position() + i, wanted));
      }
    }
    return rows;
  }

  private double[][] input(List<Step> steps) {
    List<double[]> x = new ArrayList<>();
    for (Step step : steps) {
      switch (step.input()) {
        case Activations.Tokens(int[] ids) -> {
          for (int id : ids) {
            x.add(table.orElseThrow().row(id));
          }
        }
        case Rows rows -> {
          float[] values = new float[plan.width()];
          for (int row = 0; row < rows.count(); row++) {
            rows.read(row, values, 0);
            x.add(widened(values));
          }
        }
      }
    }
    double[][] rows = x.toArray(double[][]::new);
    roundToFloat(rows);
    return rows;
  }

  private static double[] widened(float[] values) {
    double[] wide = new double[values.length];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = values[i];
    }
    return wide;
  }

  private static void roundToFloat(double[][] x) {
    for (double[] row : x) {
      for (int i = 0; i < row.length; i++) {
        row[i] = (float) row[i];
      }
    }
  }

  /** Gives every step its rows. */
  private List<Rows> split(double[][] output, List<Step> steps) {
    int width = plan.outputWidth();
    float[] values = new float[output.length * width];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) output[i / width][i % width];
    }
    List<Rows> results = new ArrayList<>();
    int row = 0;
    for (Step step : steps) {
      results.add(new HostRows(values, row * width, step.wanted(), width));
      row += step.wanted();
    }
    return results;
  }
}
