package org.espalier.server.model;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Binding;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.HostRows;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.backend.Step;
import org.espalier.api.model.ModelPlan;

/**
 * Logits are random numbers whose seed is the whole sequence so far: whoever mixes up sequences,
 * loses a token or forgets one gets other logits. Keeps the rules of executables and counts.
 */
public final class FakeExecutable implements Executable {
  public static final int LAYERS = 2;

  private final ModelPlan plan;
  private final CompileOptions options;

  /** The steps of every pass, as numbers of positions. */
  public final List<List<Integer>> passes = new ArrayList<>();

  public final AtomicInteger openSessions = new AtomicInteger();
  public volatile int mostSessions = Integer.MAX_VALUE;
  public volatile long passMillis;
  public volatile long rowMillis;

  /** Whether sessions take beginnings over from others. */
  public volatile boolean copies = true;

  /** Thrown instead of the next copy. */
  public volatile RuntimeException copyFailure;

  /** Thrown instead of the next pass. */
  public volatile RuntimeException failure;

  public FakeExecutable(ModelPlan plan, CompileOptions options) {
    this.plan = plan;
    this.options = options;
  }

  /** The logits that follow a sequence. */
  public static float[] logits(List<Integer> tokens, int vocabulary) {
    SplittableRandom random = new SplittableRandom(tokens.hashCode());
    float[] logits = new float[vocabulary];
    for (int i = 0; i < vocabulary; i++) {
      logits[i] = (float) (8 * random.nextDouble());
    }
    return logits;
  }

  /** The likeliest continuation of a sequence, as long as wanted. */
  public static List<Integer> greedy(List<Integer> prompt, int length, int vocabulary) {
    List<Integer> tokens = new ArrayList<>(prompt);
    for (int i = 0; i < length; i++) {
      float[] logits = logits(tokens, vocabulary);
      int best = 0;
      for (int token = 1; token < vocabulary; token++) {
        best = logits[token] > logits[best] ? token : best;
      }
      tokens.add(best);
    }
    return tokens.subList(prompt.size(), tokens.size());
  }

  /** The experts of a token. */
  public static int[] experts(int token, int layer) {
    return new int[] {(token + layer) % 8, (token + layer + 1) % 8};
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
  public Session open(SessionOptions session) {
    if (openSessions.incrementAndGet() > mostSessions) {
      openSessions.decrementAndGet();
      throw new DeviceFailure("no memory for another session");
    }
    return new FakeSession(session.contextLength());
  }

  @Override
  public synchronized List<Rows> forward(List<Step> steps) {
    sleep(passMillis + rowMillis * steps.stream().mapToInt(step -> step.input().count()).sum());
    RuntimeException thrown = failure;
    if (thrown != null) {
      failure = null;
      throw thrown;
    }
    Set<Session> seen = new HashSet<>();
    List<Rows> results = new ArrayList<>();
    List<Integer> counts = new ArrayList<>();
    int row = 0;
    for (Step step : steps) {
      FakeSession session = (FakeSession) step.session();
      require(!session.closed && seen.add(session), "closed or twice");
      results.add(session.append((Activations.Tokens) step.input(), step.wanted(), row));
      counts.add(step.input().count());
      row += step.input().count();
    }
    require(row <= options.maximumRows() && row > 0, row + " rows");
    passes.add(counts);
    return results;
  }

  private static void require(boolean holds, String what) {
    if (!holds) {
      throw new IllegalStateException("a rule of executables was broken: " + what);
    }
  }

  private static void sleep(long millis) {
    if (millis == 0) {
      return;
    }
    try {
      Thread.sleep(millis);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {}

  private final class FakeSession implements Session {
    private final int contextLength;
    private final List<Integer> tokens = new ArrayList<>();
    private boolean closed;

    FakeSession(int contextLength) {
      this.contextLength = contextLength;
    }

    Rows append(Activations.Tokens input, int wanted, int row) {
      require(tokens.size() + input.count() <= contextLength, "context");
      require(wanted >= 0 && wanted <= input.count(), "wanted");
      float[] values = new float[wanted * plan.vocabulary()];
      for (int i = 0; i < input.count(); i++) {
        tokens.add(input.ids()[i]);
        int wantedRow = i - (input.count() - wanted);
        if (wantedRow >= 0) {
          float[] logits = logits(tokens, plan.vocabulary());
          System.arraycopy(logits, 0, values, wantedRow * plan.vocabulary(), plan.vocabulary());
        }
        for (int layer = 0; layer < LAYERS && options.observer().wantsRouting(); layer++) {
          int[] experts = experts(input.ids()[i], layer);
          options.observer().routed(layer, row + i, experts, new float[] {0.75f, 0.25f});
        }
      }
      return new HostRows(values, 0, wanted, plan.vocabulary());
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
      require(position >= 0 && position <= tokens.size(), "truncate");
      tokens.subList(position, tokens.size()).clear();
    }

    @Override
    public boolean copyFrom(Session other, int positions) {
      FakeSession source = (FakeSession) other;
      require(!closed && !source.closed && positions <= source.position(), "copy");
      RuntimeException thrown = copyFailure;
      if (thrown != null) {
        copyFailure = null;
        throw thrown;
      }
      if (copies) {
        tokens.clear();
        tokens.addAll(source.tokens.subList(0, positions));
      }
      return copies;
    }

    @Override
    public Rows forward(Activations input, int wanted) {
      return FakeExecutable.this.forward(List.of(new Step(this, input, wanted))).getFirst();
    }

    @Override
    public void close() {
      if (!closed) {
        closed = true;
        openSessions.decrementAndGet();
      }
    }
  }
}
