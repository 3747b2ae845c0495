package org.espalier.codec.ggml;

/** The whole numbers that a code can stand for, in ascending order; a scale multiplies them. */
final class Levels {
  private final int[] levels;
  private final boolean even;

  private Levels(int[] levels) {
    this.levels = levels;
    this.even = levels[levels.length - 1] - levels[0] == levels.length - 1;
  }

  /** All whole numbers of a range. */
  static Levels from(int lowest, int highest) {
    int[] levels = new int[highest - lowest + 1];
    for (int code = 0; code < levels.length; code++) {
      levels[code] = lowest + code;
    }
    return new Levels(levels);
  }

  /** Given ones. */
  static Levels of(byte[] ascending) {
    int[] levels = new int[ascending.length];
    for (int code = 0; code < levels.length; code++) {
      levels[code] = ascending[code];
    }
    return new Levels(levels);
  }

  int of(int code) {
    return levels[code];
  }

  int lowest() {
    return levels[0];
  }

  int highest() {
    return levels[levels.length - 1];
  }

  /** The code of the level nearest to a number, of the lower one where two are. */
  int nearest(double x) {
    if (even) {
      return (int) Math.ceil(Math.clamp(x, lowest(), highest()) - 0.5) - lowest();
    }
    int low = 0;
    int high = levels.length - 1;
    while (low < high) {
      int middle = (low + high) / 2;
      if (2 * x > levels[middle] + levels[middle + 1]) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
