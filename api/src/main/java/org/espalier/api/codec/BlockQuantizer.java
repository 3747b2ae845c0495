package org.espalier.api.codec;

import org.espalier.api.tensor.StorageType;

/**
 * One way of storing plain rows: cut into blocks with scales of their own, and without rotations.
 * Writers use it for matrices that are worth more bits than tiles take. A tensor of such blocks,
 * row by row, is claimed by the codec that offers this.
 *
 * <p>It needs no state and is safe to call from many threads.
 */
public interface BlockQuantizer {

  /** Its name, as users write it, lower case: {@code "q4_0"}. No two codecs have one in common. */
  String name();

  /** The type of such a tensor. */
  StorageType type();

  /** Values of a block; rows are multiples of it. */
  int size();

  /** Bytes of a block. */
  int bytes();

  /** Bits of a value, scales included. */
  default double bits() {
    return 8.0 * bytes() / size();
  }

  /**
   * Prepares to round many blocks whose errors count alike: an error e costs e M eᵀ.
   *
   * @param metric M, symmetric and positive definite, {@link #size()} × {@link #size()}, row by row
   */
  Rounding rounding(double[] metric);

  /** Rounds blocks. It is safe to call from many threads. */
  @FunctionalInterface
  interface Rounding {

    /**
     * Finds a block whose values are close to the targets. The outcome depends on them and the
     * metric alone.
     *
     * @param targets hold {@link BlockQuantizer#size()} finite numbers from {@code offset} on
     * @param block receives {@link BlockQuantizer#bytes()} bytes from {@code at} on
     * @param values receives what the block decodes to, from {@code offset} on as the targets
     */
    void round(float[] targets, int offset, byte[] block, int at, float[] values);
  }
}
