package org.espalier.backend.cuda;

import java.util.List;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.backend.SessionRules;
import org.espalier.api.backend.Step;
import org.espalier.api.tensor.ElementType;

/** One sequence on the GPU. */
final class CudaSession implements Session {
  private final CudaExecutable executable;
  private final SessionOptions options;
  private final long cache;
  private final CudaExecutable.Output output;
  private int position;
  private volatile boolean closed;

  /**
   * @param cache address of its keys and values
   */
  CudaSession(CudaExecutable executable, SessionOptions options, long cache) {
    this.executable = executable;
    this.options = options;
    this.cache = cache;
    this.output = executable.newOutput();
  }

  CudaExecutable executable() {
    return executable;
  }

  long cache() {
    return cache;
  }

  ElementType cacheType() {
    return CudaBackend.elements(options.cache());
  }

  CudaExecutable.Output output() {
    return output;
  }

  void advance(int count) {
    position += count;
  }

  boolean isClosed() {
    return closed;
  }

  @Override
  public int position() {
    return position;
  }

  @Override
  public int contextLength() {
    return options.contextLength();
  }

  @Override
  public void truncate(int to) {
    if (closed) {
      throw new InvalidRequest("the session is closed");
    }
    SessionRules.checkTruncation(this, to);
    position = to;
  }

  @Override
  public boolean copyFrom(Session other, int positions) {
    boolean copied = executable.copy(other, this, positions);
    position = copied ? positions : position;
    return copied;
  }

  @Override
  public Rows forward(Activations input, int wanted) {
    return executable.forward(List.of(new Step(this, input, wanted))).getFirst();
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      executable.release(this);
    }
  }
}
