package org.espalier.runtime;

import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.IntStream;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Binding;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.ExpertTraffic;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.backend.Step;
import org.espalier.api.model.ModelPlan;
import org.jspecify.annotations.Nullable;

/**
 * An executable whose sessions keep out of each other's way. A backend's rows are valid until the
 * next pass of any session; here they stay valid until the next pass of their own, because they are
 * copied before a pass of others begins. A session that is alone pays nothing for it.
 */
final class PassOrder implements Executable {
  private final Executable executable;
  private final Path file;
  private final ReentrantLock lock = new ReentrantLock(true);
  private List<Held> latest = List.of();

  /**
   * @param file where the weights lie, for what goes wrong with them
   */
  PassOrder(Executable executable, Path file) {
    this.executable = executable;
    this.file = file;
  }

  @Override
  public ModelPlan plan() {
    return executable.plan();
  }

  @Override
  public List<Binding> bindings() {
    return executable.bindings();
  }

  @Override
  public Optional<ExpertTraffic> traffic() {
    return executable.traffic();
  }

  @Override
  public List<String> notices() {
    return executable.notices();
  }

  @Override
  public Session open(SessionOptions options) {
    return new Guarded(executable.open(options));
  }

  @Override
  public List<Rows> forward(List<Step> steps) {
    lock.lock();
    try {
      List<Guarded> owners = steps.stream().map(step -> own(step.session())).toList();
      keep(owners);
      List<Step> inner =
          steps.stream()
              .map(step -> new Step(own(step.session()).session, step.input(), step.wanted()))
              .toList();
      List<Rows> rows = executable.forward(inner);
      latest =
          IntStream.range(0, owners.size())
              .mapToObj(i -> new Held(owners.get(i), rows.get(i)))
              .toList();
      return List.copyOf(latest);
    } catch (InternalError e) {
      throw lostPages(e);
    } finally {
      lock.unlock();
    }
  }

  /** In words, where the VM found that a mapped file has lost pages. */
  private MalformedModel lostPages(InternalError error) {
    if (!String.valueOf(error.getMessage()).contains("unsafe memory access")) {
      throw error;
    }
    return new MalformedModel(
        file
            + " could not be read any more: it was truncated or replaced while in use, or its disk"
            + " failed",
        error);
  }

  private Guarded own(Session session) {
    if (session instanceof Guarded guarded && guarded.order() == this) {
      return guarded;
    }
    throw new InvalidRequest("a session can only be used with the model that opened it");
  }

  /** Copies what a pass of the given sessions would take away from others. */
  private void keep(List<Guarded> owners) {
    for (Held held : latest) {
      if (!owners.contains(held.owner)) {
        held.copy();
      }
    }
    latest = List.of();
  }

  @Override
  public void close() {
    executable.close();
  }

  private final class Guarded implements Session {
    private final Session session;

    Guarded(Session session) {
      this.session = session;
    }

    PassOrder order() {
      return PassOrder.this;
    }

    @Override
    public int position() {
      return session.position();
    }

    @Override
    public int contextLength() {
      return session.contextLength();
    }

    @Override
    public void truncate(int position) {
      session.truncate(position);
    }

    @Override
    public boolean copyFrom(Session other, int positions) {
      return session.copyFrom(own(other).session, positions);
    }

    @Override
    public Rows forward(Activations input, int wanted) {
      lock.lock();
      try {
        keep(List.of(this));
        Held result = new Held(this, session.forward(input, wanted));
        latest = List.of(result);
        return result;
      } catch (InternalError e) {
        throw lostPages(e);
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void close() {
      session.close();
    }
  }

  /** Rows that are read where they are as long as possible. */
  private final class Held implements Rows {
    private final Guarded owner;
    private final Rows rows;
    private final int count;
    private final int width;
    private volatile float @Nullable [] copy;

    Held(Guarded owner, Rows rows) {
      this.owner = owner;
      this.rows = rows;
      this.count = rows.count();
      this.width = rows.width();
    }

    /** Under the lock. */
    void copy() {
      float[] values = new float[Math.multiplyExact(count, width)];
      for (int row = 0; row < count; row++) {
        rows.read(row, values, row * width);
      }
      copy = values;
    }

    @Override
    public int count() {
      return count;
    }

    @Override
    public int width() {
      return width;
    }

    @Override
    public void read(int row, float[] target, int offset) {
      Objects.checkIndex(row, count);
      if (!readCopy(row, target, offset)) {
        lock.lock();
        try {
          // The pass that this waited for may have made the copy.
          if (!readCopy(row, target, offset)) {
            rows.read(row, target, offset);
          }
        } finally {
          lock.unlock();
        }
      }
    }

    private boolean readCopy(int row, float[] target, int offset) {
      float[] values = copy;
      if (values != null) {
        System.arraycopy(values, row * width, target, offset, width);
      }
      return values != null;
    }
  }
}
