package org.espalier.api.backend;

import org.espalier.api.tensor.ElementType;

/**
 * How to open a session.
 *
 * @param contextLength positions that its key–value cache must hold
 * @param cache in what forms that keeps keys and values
 */
public record SessionOptions(int contextLength, CacheTypes cache) {
  public SessionOptions {
    if (contextLength < 1) {
      throw new IllegalArgumentException("contextLength must be positive: " + contextLength);
    }
  }

  /** Keys and values one element after another. */
  public SessionOptions(int contextLength, ElementType cacheType) {
    this(contextLength, CacheTypes.both(CacheType.of(cacheType)));
  }
}
