package org.espalier.runtime.sampling;

/** Floats as ints of the same order, so that they can be packed into a key. */
final class TotalOrder {
  private TotalOrder() {}

  /** An int that grows with the number; both zeros give the same. Not for NaN. */
  static int key(float number) {
    // Adding zero turns −0 into +0. Negative floats order backwards by their bits: flip all but the
    // sign.
    int bits = Float.floatToRawIntBits(number + 0f);
    return bits ^ (bits >> 31 & 0x7FFF_FFFF);
  }

  /** The number whose key it is. */
  static float value(int key) {
    return Float.intBitsToFloat(key ^ (key >> 31 & 0x7FFF_FFFF));
  }
}
