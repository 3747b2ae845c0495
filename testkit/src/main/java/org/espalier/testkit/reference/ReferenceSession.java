package org.espalier.testkit.reference;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.backend.SessionRules;
import org.espalier.api.backend.Step;

/** A position and a cache per layer. */
final class ReferenceSession implements Session {
  private final ReferenceExecutable executable;
  private final SessionOptions options;
  private final Map<Integer, KeyValueCache> caches = new TreeMap<>();
  private int position;
  private boolean closed;

  ReferenceSession(ReferenceExecutable executable, SessionOptions options) {
    this.executable = executable;
    this.options = options;
  }

  @Override
  public int position() {
    return position;
  }

  @Override
  public int contextLength() {
    return options.contextLength();
  }

  /** What lies beyond the new position stays in the caches and is overwritten before it is read. */
  @Override
  public void truncate(int position) {
    requireOpen();
    SessionRules.checkTruncation(this, position);
    this.position = position;
  }

  @Override
  public boolean copyFrom(Session other, int positions) {
    return executable.copy(other, this, positions);
  }

  /** The same, for the executable, which has checked the two. */
  boolean takeOver(ReferenceSession other, int positions) {
    other.requireOpen();
    requireOpen();
    SessionRules.checkCopy(other, this, positions);
    if (!options.cache().equals(other.options.cache())) {
      return false;
    }
    other.caches.forEach(
        (layer, cache) -> cache(layer, cache.headDimension()).copyFrom(cache, positions));
    position = positions;
    return true;
  }

  @Override
  public Rows forward(Activations input, int wanted) {
    return executable.forward(List.of(new Step(this, input, wanted))).getFirst();
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      caches.clear();
      executable.release(this);
    }
  }

  boolean belongsTo(ReferenceExecutable other) {
    return executable == other;
  }

  KeyValueCache cache(int layer, int headDimension) {
    return caches.computeIfAbsent(
        layer, _ -> new KeyValueCache(options.contextLength(), headDimension, options.cache()));
  }

  void advance(int positions) {
    position += positions;
  }

  void requireOpen() {
    if (closed) {
      throw new InvalidRequest("the session is closed: open another one");
    }
  }
}
