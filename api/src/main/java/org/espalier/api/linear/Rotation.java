package org.espalier.api.linear;

import java.lang.foreign.MemorySegment;

/**
 * An orthogonal (or scaled orthogonal) change of basis before or after the stored core of a linear.
 * The set is closed: backends own the transforms, codecs only bring the numbers.
 */
public sealed interface Rotation {

  /** No change. */
  record Identity() implements Rotation {}

  /**
   * A sign (or scale) per coordinate and an orthonormal Walsh–Hadamard transform Ĥ in natural
   * (Sylvester) order. As an input rotation it maps x to Ĥ (s ⊙ x); as an output rotation, its
   * transpose, y to s ⊙ (Ĥ y).
   *
   * @param block length of each transform, a power of two that divides the dimension; usually the
   *     dimension itself
   * @param signs s as little-endian F32, [experts × dimension]; usually ±1, but any finite number
   *     is allowed
   */
  record SignedHadamard(int block, MemorySegment signs) implements Rotation {
    public SignedHadamard {
      if (Integer.bitCount(block) != 1) {
        throw new IllegalArgumentException("a Hadamard block must be a power of two: " + block);
      }
    }
  }
}
