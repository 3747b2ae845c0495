package org.espalier.backend.cuda.kernel;

/**
 * A rotation in device memory: {@code Rotation} of {@code structures.cuh}.
 *
 * @param signs address of its signs, or 0
 * @param block length of each Hadamard transform, or 0 for no rotation
 * @param packed whether signs are bits
 * @param width of a row
 */
public record Turn(long signs, int block, boolean packed, int width) {
  /** No rotation of rows of a width. */
  public static Turn none(int width) {
    return new Turn(0, 0, false, width);
  }

  /** Whether it does nothing. */
  public boolean isNone() {
    return block == 0;
  }

  /** Appends it. */
  public Parameters write(Parameters parameters) {
    return parameters.address(signs).integer(block).flag(packed).integer(width).integer(0);
  }
}
