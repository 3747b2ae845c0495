package org.espalier.api.backend;

import org.espalier.api.tensor.ElementType;

/**
 * How to open a session.
 *
 * @param contextLength positions that its key–value cache must hold
 * @param cacheType element type of that cache, to which keys and values are rounded before anyone
 *     reads them
 */
public record SessionOptions(int contextLength, ElementType cacheType) {
  public SessionOptions {
    if (contextLength < 1) {
      throw new IllegalArgumentException("contextLength must be positive: " + contextLength);
    }
  }
}
