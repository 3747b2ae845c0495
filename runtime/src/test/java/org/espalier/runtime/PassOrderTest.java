package org.espalier.runtime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Binding;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.HostRows;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.backend.Step;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.tensor.ElementType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class PassOrderTest {
  /** What all sessions of one executable write their results to. */
  private final float[] shared = new float[6];

  private final List<Echo> opened = new ArrayList<>();
  private final PassOrder order = new PassOrder(new Echoes(), Path.of("echoes"));
  private int reads;
  private @Nullable InternalError lost;

  /** Opens echoes; a pass of several copies each one's rows aside. */
  private final class Echoes implements Executable {
    @Override
    public ModelPlan plan() {
      return new ModelPlan("echo", 2, 2, 100_000, List.of());
    }

    @Override
    public List<Binding> bindings() {
      return List.of();
    }

    @Override
    public Session open(SessionOptions options) {
      Echo echo = new Echo();
      synchronized (opened) {
        opened.add(echo);
      }
      return echo;
    }

    @Override
    public List<Rows> forward(List<Step> steps) {
      List<Rows> results = new ArrayList<>();
      for (Step step : steps) {
        Echo echo = assertInstanceOf(Echo.class, step.session());
        Rows rows = echo.forward(step.input(), step.wanted());
        float[] aside = new float[rows.count() * rows.width()];
        for (int row = 0; row < rows.count(); row++) {
          rows.read(row, aside, row * rows.width());
        }
        results.add(new HostRows(aside, 0, rows.count(), rows.width()));
      }
      return results;
    }

    @Override
    public void close() {}
  }

  private Session open() {
    return order.open(new SessionOptions(100_000, ElementType.F32));
  }

  @Test
  void passesOfSeveralReachTheirSessions() {
    Session a = open();
    Session b = open();
    Session c = open();
    Rows before = c.forward(new Activations.Tokens(5), 1);
    List<Rows> rows =
        order.forward(
            List.of(
                new Step(a, new Activations.Tokens(7, 8), 1),
                new Step(b, new Activations.Tokens(9), 1)));
    assertArrayEquals(new float[] {0, 8, 2}, read(rows.get(0), 0));
    assertArrayEquals(new float[] {0, 9, 1}, read(rows.get(1), 0));
    assertArrayEquals(new float[] {0, 5, 1}, read(before, 0));
    Step stray = new Step(new Echo(), new Activations.Tokens(1), 1);
    assertThrows(InvalidRequest.class, () -> order.forward(List.of(stray)));
  }

  @Test
  void aFileThatLostPagesIsNamed() {
    Session session = open();
    Session another = open();
    lost = new InternalError("a fault occurred in an unsafe memory access operation");
    Activations token = new Activations.Tokens(1);
    MalformedModel alone = assertThrows(MalformedModel.class, () -> session.forward(token, 1));
    assertTrue(alone.getMessage().startsWith("echoes could not be read"), alone.getMessage());
    List<Step> both = List.of(new Step(session, token, 1), new Step(another, token, 1));
    assertThrows(MalformedModel.class, () -> order.forward(both));
    lost = new InternalError("something else");
    assertThrows(InternalError.class, () -> session.forward(token, 1));
  }

  /** Every output of a pass is the last token and the position. */
  private final class Echo implements Session {
    private int position;
    private boolean closed;

    @Override
    public int position() {
      return position;
    }

    @Override
    public int contextLength() {
      return 100_000;
    }

    @Override
    public void truncate(int to) {
      position = to;
    }

    @Override
    public Rows forward(Activations input, int wanted) {
      if (lost != null) {
        throw lost;
      }
      int[] ids = ((Activations.Tokens) input).ids();
      position += ids.length;
      for (int row = 0; row < wanted; row++) {
        shared[2 * row] = ids[ids.length - wanted + row];
        shared[2 * row + 1] = position;
      }
      HostRows rows = new HostRows(shared, 0, wanted, 2);
      return new Rows() {
        @Override
        public int count() {
          return rows.count();
        }

        @Override
        public int width() {
          return rows.width();
        }

        @Override
        public void read(int row, float[] target, int offset) {
          reads++;
          rows.read(row, target, offset);
        }
      };
    }

    @Override
    public void close() {
      closed = true;
    }
  }

  private static float[] read(Rows rows, int row) {
    float[] values = new float[rows.width() + 1];
    rows.read(row, values, 1);
    return values;
  }

  @Test
  void rowsOutliveThePassesOfOthers() {
    Session a = open();
    Session b = open();
    Rows ofA = a.forward(new Activations.Tokens(7, 8, 9), 2);
    Rows ofB = b.forward(new Activations.Tokens(1, 2, 3), 3);
    assertArrayEquals(new float[] {0, 8, 3}, read(ofA, 0));
    assertArrayEquals(new float[] {0, 9, 3}, read(ofA, 1));
    assertArrayEquals(new float[] {0, 1, 3}, read(ofB, 0));
    a.forward(new Activations.Tokens(4), 1);
    assertArrayEquals(new float[] {0, 3, 3}, read(ofB, 2));
    assertThrows(IndexOutOfBoundsException.class, () -> read(ofA, 2));
    assertEquals(3, ofB.count());
  }

  @Test
  void aSessionAloneIsNotCopied() {
    Session a = open();
    a.forward(new Activations.Tokens(7), 1);
    Rows rows = a.forward(new Activations.Tokens(8), 1);
    assertEquals(0, reads);
    read(rows, 0);
    assertEquals(1, reads);
  }

  @Test
  void everythingElseIsTheSessionsOwn() {
    Session guarded = open();
    Echo echo = opened.getFirst();
    guarded.forward(new Activations.Tokens(1, 2), 0);
    assertEquals(2, guarded.position());
    guarded.truncate(1);
    assertEquals(1, echo.position);
    assertEquals(100_000, guarded.contextLength());
    guarded.close();
    assertTrue(echo.closed);
  }

  @Test
  void manyThreadsReadTheirOwn() throws Exception {
    try (ExecutorService callers = Executors.newFixedThreadPool(4)) {
      List<Future<?>> calls = new ArrayList<>();
      for (int thread = 0; thread < 4; thread++) {
        int token = thread;
        calls.add(
            callers.submit(() -> {
              Session session = open();
              for (int i = 1; i <= 5000; i++) {
                Rows rows = session.forward(new Activations.Tokens(token), 1);
                Thread.yield();
                assertArrayEquals(new float[] {0, token, i}, read(rows, 0));
              }
            }));
      }
      for (Future<?> call : calls) {
        call.get();
      }
    }
  }
}
