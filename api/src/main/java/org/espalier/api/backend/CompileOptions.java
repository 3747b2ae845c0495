package org.espalier.api.backend;

import java.util.OptionalLong;

/**
 * How to compile.
 *
 * @param precision arithmetic
 * @param maximumRows most rows that one forward pass takes; sizes scratch memory. Longer input is
 *     cut by the caller
 * @param memoryLimit bytes that weights, caches and scratch may take together
 * @param observer told about activations as they pass; {@link Observer#NONE} costs nothing
 */
public record CompileOptions(
    Precision precision, int maximumRows, OptionalLong memoryLimit, Observer observer) {
  public CompileOptions {
    if (maximumRows < 1) {
      throw new IllegalArgumentException("maximumRows must be positive: " + maximumRows);
    }
  }

  /** No limit, no observer. */
  public static CompileOptions of(Precision precision, int maximumRows) {
    return new CompileOptions(precision, maximumRows, OptionalLong.empty(), Observer.NONE);
  }
}
