package org.espalier.backend.offload;

import java.util.List;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.backend.Step;

/** One sequence: a session of every part. */
final class OffloadSession implements Session {
  private final OffloadExecutable executable;
  private final SessionOptions options;
  private final List<Session> parts;
  private final long cacheBytes;
  private boolean closed;

  OffloadSession(
      OffloadExecutable executable, SessionOptions options, List<Session> parts, long cacheBytes) {
    this.executable = executable;
    this.options = options;
    this.parts = List.copyOf(parts);
    this.cacheBytes = cacheBytes;
  }

  OffloadExecutable executable() {
    return executable;
  }

  Session part(int index) {
    return parts.get(index);
  }

  long cacheBytes() {
    return cacheBytes;
  }

  void requireOpen() {
    if (closed) {
      throw new InvalidRequest("the session is closed");
    }
  }

  @Override
  public int position() {
    return parts.getFirst().position();
  }

  @Override
  public int contextLength() {
    return options.contextLength();
  }

  @Override
  public void truncate(int position) {
    parts.forEach(part -> part.truncate(position));
  }

  @Override
  public boolean copyFrom(Session other, int positions) {
    if (!(other instanceof OffloadSession source) || source.executable != executable) {
      throw new InvalidRequest("a session can only be used with the model that opened it");
    }
    boolean copied = true;
    for (int part = 0; part < parts.size() && copied; part++) {
      copied = parts.get(part).copyFrom(source.parts.get(part), positions);
    }
    if (!copied) {
      truncate(0); // parts must agree
    }
    return copied;
  }

  /** After a pass that failed: parts that it reached are ahead of the others. */
  void goBack(int position) {
    for (Session part : parts) {
      if (part.position() > position) {
        part.truncate(position);
      }
    }
  }

  @Override
  public Rows forward(Activations input, int wanted) {
    return executable.forward(List.of(new Step(this, input, wanted))).getFirst();
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      parts.forEach(Session::close);
      executable.closed(this);
    }
  }
}
