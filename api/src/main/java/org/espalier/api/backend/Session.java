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

  /**
   * Forgets everything from the given position on; 0 starts afresh.
   *
   * @throws org.espalier.api.EspalierException.InvalidRequest when the position is below 0 or above
   *     {@link #position()}
   */
  void truncate(int position);

  /**
   * Appends positions and computes.
   *
   * @param input at most {@link CompileOptions#maximumRows()} positions
   * @param wanted for how many of the last positions an output is needed: 0 to {@code
   *     input.count()}. Only these pass through a head
   * @return {@code wanted} rows, in order
   * @throws org.espalier.api.EspalierException.InvalidRequest when there are more positions than
   *     {@code maximumRows} or than the context has left, {@code wanted} is out of range, a token
   *     is none of the vocabulary, the plan does not take this kind of input or this width of rows,
   *     or the session, its executable or its backend is closed. A refused pass changes nothing
   */
  Rows forward(Activations input, int wanted);

  /**
   * Takes over the first positions of another session, as if what went in there had gone in here;
   * what was here before is forgotten. Spares prompts with a common beginning that it is computed
   * for each.
   *
   * @param other of the same executable; it stays as it is
   * @param positions 0 to {@code other.position()}
   * @return whether it was done. A backend need not be able to; then {@link #position()} tells what
   *     is left here
   * @throws org.espalier.api.EspalierException.InvalidRequest when {@code positions} is out of
   *     range or above {@link #contextLength()}, the other session is another executable's, or one
   *     of the two, their executable or its backend is closed
   * @throws org.espalier.api.EspalierException.DeviceFailure when there is no memory for them
   */
  default boolean copyFrom(Session other, int positions) {
    return false;
  }

  /** Gives up its cache; closing twice does no harm. */
  @Override
  void close();
}
