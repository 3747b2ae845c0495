package org.espalier.api.backend;

/**
 * One sequence: a key–value cache and a position. Not safe for use by two threads at once; sessions
 * of one executable are independent of each other.
 */
public interface Session extends AutoCloseable {

  /** Positions seen so far. */
  int position();

  /** Positions that it can hold. */
  int contextLength();

  /** Forgets everything from the given position on; 0 starts afresh. */
  void truncate(int position);

  /**
   * Appends positions and computes.
   *
   * @param input at most {@link CompileOptions#maximumRows()} positions
   * @param wanted for how many of the last positions an output is needed: 0 to {@code
   *     input.count()}. Only these pass through a head
   * @return {@code wanted} rows, in order
   */
  Rows forward(Activations input, int wanted);

  @Override
  void close();
}
