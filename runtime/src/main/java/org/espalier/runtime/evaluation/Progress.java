package org.espalier.runtime.evaluation;

/**
 * Follows a measurement. Any of its methods may throw in order to end it; what was opened for it is
 * closed then.
 */
public interface Progress {
  /** Follows nothing. */
  Progress NONE = new Progress() {};

  /** Called after every pass through a model, from the thread that measures. */
  default void passed() {}

  /**
   * A part is done.
   *
   * @param done parts so far: windows of a text, or questions
   * @param total parts that there are
   * @param value of the measurement over the parts so far
   */
  default void advanced(int done, int total, double value) {}
}
