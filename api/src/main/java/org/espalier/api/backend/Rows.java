package org.espalier.api.backend;

/**
 * Rows of numbers, perhaps still being computed and perhaps in a device's memory. Reading waits for
 * them. What a forward pass returns is valid until the next pass of the same session or executable.
 */
public non-sealed interface Rows extends Activations {

  /** Values per row. */
  int width();

  /**
   * Copies one row.
   *
   * @param row from 0 to {@link #count()} − 1
   * @param target receives {@link #width()} values
   * @param offset where the first goes
   */
  void read(int row, float[] target, int offset);
}
