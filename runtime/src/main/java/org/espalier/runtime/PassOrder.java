package org.espalier.runtime;

import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the sessions of one executable out of each other's way. A backend's rows are valid until
 * the next pass of any session; here they stay valid until the next pass of their own, because they
 * are copied before another session's pass begins. A session that is alone pays nothing for it.
 */
final class PassOrder {
  private final ReentrantLock lock = new ReentrantLock(true);
  private @Nullable Held latest;

  /** The session, safe beside all others that were given here. */
  Session guard(Session session) {
    return new Guarded(session);
  }

  private final class Guarded implements Session {
    private final Session session;

    Guarded(Session session) {
      this.session = session;
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
    public Rows forward(Activations input, int wanted) {
      lock.lock();
      try {
        Held held = latest;
        if (held != null && held.owner != this) {
          held.copy();
        }
        latest = null;
        Held result = new Held(this, session.forward(input, wanted));
        latest = result;
        return result;
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
