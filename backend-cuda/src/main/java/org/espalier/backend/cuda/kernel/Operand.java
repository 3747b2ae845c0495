package org.espalier.backend.cuda.kernel;

/**
 * Rows on their way into a product: {@code Operand} of {@code structures.cuh}.
 *
 * @param values address of floats, or 0
 * @param pairs address of halves, or 0
 * @param scales address of a scale for each row, with halves
 * @param width of a row
 */
public record Operand(long values, long pairs, long scales, int width) {
  /** Appends it. */
  public Parameters write(Parameters parameters) {
    return parameters.address(values).address(pairs).address(scales).integer(width).integer(0);
  }

  /** Bytes of a row, without its scale. */
  public static int rowBytes(boolean pairs, int width) {
    return pairs ? 2 * width : 4 * width;
  }
}
