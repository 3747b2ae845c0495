package org.espalier.runtime.evaluation;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.espalier.api.Offer;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Activations.Tokens;
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

/** Runs a {@link HistoryModel}, strictly by the contract, and counts what is asked of it. */
public final class HistoryBackend implements BackendProvider {
  private final HistoryModel model;

  /** Rows of each pass. */
  public final List<Integer> passes = new ArrayList<>();

  /** Sessions of each pass. */
  public final List<Integer> sessions = new ArrayList<>();

  public int openSessions;

  public HistoryBackend(HistoryModel model) {
    this.model = model;
  }

  @Override
  public BackendId id() {
    return new BackendId("history");
  }

  @Override
  public String description() {
    return "remembers";
  }

  @Override
  public int preference() {
    return 1;
  }

  @Override
  public Offer<Backend> open(Context context) {
    return Offer.accepted(new Started());
  }

  private final class Started implements Backend {
    @Override
    public BackendId id() {
      return HistoryBackend.this.id();
    }

    @Override
    public String device() {
      return "a memory";
    }

    @Override
    public Footprint footprint(ModelPlan plan, CompileOptions options, SessionOptions session) {
      return new Footprint(0, 0, 0, 0);
    }

    @Override
    public Offer<Executable> compile(ModelPlan plan, CompileOptions options) {
      return Offer.accepted(new Compiled(plan, options));
    }

    @Override
    public void close() {}
  }

  private final class Compiled implements Executable {
    private final ModelPlan plan;
    private final CompileOptions options;
    private int pass;

    Compiled(ModelPlan plan, CompileOptions options) {
      this.plan = plan;
      this.options = options;
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
    public Session open(SessionOptions sessionOptions) {
      openSessions++;
      return new History(this, sessionOptions.contextLength());
    }

    @Override
    public List<Rows> forward(List<Step> steps) {
      pass++;
      int rows = steps.stream().mapToInt(step -> step.input().count()).sum();
      require(rows >= 1 && rows <= options.maximumRows(), "a pass of " + rows);
      Set<Session> seen = new HashSet<>();
      require(steps.stream().allMatch(step -> seen.add(step.session())), "a session came twice");
      passes.add(rows);
      sessions.add(steps.size());
      List<Rows> results = new ArrayList<>();
      List<Integer> read = new ArrayList<>();
      for (Step step : steps) {
        results.add(((History) step.session()).append((Tokens) step.input(), step.wanted(), pass));
        for (int id : ((Tokens) step.input()).ids()) {
          read.add(id);
        }
      }
      if (options.observer().wantsRouting()) {
        for (int layer = 0; layer < HistoryModel.LAYERS; layer++) {
          for (int row = 0; row < read.size(); row++) {
            options
                .observer()
                .routed(layer, row, model.experts(layer, read.get(row)), new float[] {0.5f, 0.25f});
          }
        }
      }
      return results;
    }

    @Override
    public void close() {}
  }

  private final class History implements Session {
    private final Compiled executable;
    private final int contextLength;
    private final List<Integer> tokens = new ArrayList<>();
    private boolean closed;

    History(Compiled executable, int contextLength) {
      this.executable = executable;
      this.contextLength = contextLength;
    }

    Rows append(Tokens input, int wanted, int pass) {
      require(!closed, "a closed session");
      require(wanted >= 0 && wanted <= input.count(), wanted + " wanted");
      require(tokens.size() + input.count() <= contextLength, "more than the session holds");
      List<float[]> logits = new ArrayList<>();
      for (int i = 0; i < input.count(); i++) {
        tokens.add(input.ids()[i]);
        if (i >= input.count() - wanted) {
          logits.add(model.logits(tokens));
        }
      }
      return new Rows() {
        @Override
        public int count() {
          return logits.size();
        }

        @Override
        public int width() {
          return model.vocabulary();
        }

        @Override
        public void read(int row, float[] target, int offset) {
          require(pass == executable.pass, "rows of an earlier pass");
          System.arraycopy(logits.get(row), 0, target, offset, width());
        }
      };
    }

    @Override
    public int position() {
      return tokens.size();
    }

    @Override
    public int contextLength() {
      return contextLength;
    }

    @Override
    public void truncate(int position) {
      require(position <= tokens.size(), "truncating forwards");
      tokens.subList(position, tokens.size()).clear();
    }

    @Override
    public Rows forward(Activations input, int wanted) {
      return executable.forward(List.of(new Step(this, input, wanted))).getFirst();
    }

    @Override
    public void close() {
      if (!closed) {
        closed = true;
        openSessions--;
      }
    }
  }

  private static void require(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }
}
