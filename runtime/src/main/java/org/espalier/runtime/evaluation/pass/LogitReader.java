package org.espalier.runtime.evaluation.pass;

/**
 * Takes logits as they come. Rows of one pass are handed over by several threads at once, so a
 * reader writes only what belongs to the row that it was given.
 */
@FunctionalInterface
public interface LogitReader {
  /** Reads nothing. */
  LogitReader NONE = (row, logits) -> {};

  /**
   * Takes one row.
   *
   * @param row of those that were wanted, from 0
   * @param logits of the whole vocabulary; to be read during the call only
   */
  void read(int row, float[] logits);
}
