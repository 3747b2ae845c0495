package org.espalier.format.gguf;

/** Where tensors may begin: at multiples of a power of two. */
final class Alignment {
  /** The metadata key that states it. */
  static final String KEY = "general.alignment";

  /** Without that key. */
  static final int DEFAULT = 32;

  // Below 8, numbers would lie where the machine cannot read them in one go; above the size of a
  // huge page there is nothing to gain.
  private static final long MIN = 8;
  private static final long MAX = 1 << 21;

  /** For messages. */
  static final String RULE = "must be a power of two from " + MIN + " to " + MAX;

  private Alignment() {}

  static boolean isValid(long alignment) {
    return alignment >= MIN && alignment <= MAX && Long.bitCount(alignment) == 1;
  }

  /** The next multiple at or after a position far below 2⁶³. */
  static long up(long position, long alignment) {
    return (position + alignment - 1) & -alignment;
  }
}
