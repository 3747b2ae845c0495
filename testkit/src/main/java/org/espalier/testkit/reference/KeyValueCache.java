package org.espalier.testkit.reference;

import org.espalier.api.backend.CacheType;
import org.espalier.api.backend.CacheTypes;
import org.espalier.testkit.number.Elements;

/** Keys and values of one session in one layer, by position, rounded to the cache's types. */
final class KeyValueCache {
  private final CacheTypes types;
  private final int headDimension;
  private final double[][] keys;
  private final double[][] values;

  KeyValueCache(int contextLength, int headDimension, CacheTypes types) {
    this.types = types;
    this.headDimension = headDimension;
    this.keys = new double[contextLength][];
    this.values = new double[contextLength][];
  }

  int headDimension() {
    return headDimension;
  }

  void put(int position, double[] key, double[] value) {
    keys[position] = rounded(key, types.keys());
    values[position] = rounded(value, types.values());
  }

  /** Takes over positions below the given one. */
  void copyFrom(KeyValueCache other, int positions) {
    System.arraycopy(other.keys, 0, keys, 0, positions);
    System.arraycopy(other.values, 0, values, 0, positions);
  }

  double[] key(int position) {
    return keys[position];
  }

  double[] value(int position) {
    return values[position];
  }

  private double[] rounded(double[] exact, CacheType type) {
    double[] stored = exact.clone();
    if (type == CacheType.Q8_0) {
      for (int head = 0; head < exact.length; head += headDimension) {
        for (int i = 0; i < headDimension; i += CacheType.BLOCK) {
          roundBlock(stored, head + i, head + Math.min(headDimension, i + CacheType.BLOCK));
        }
      }
    } else {
      for (int i = 0; i < exact.length; i++) {
        stored[i] = Elements.round((float) exact[i], type.element().orElseThrow());
      }
    }
    return stored;
  }

  private static void roundBlock(double[] x, int from, int to) {
    double largest = 0;
    for (int i = from; i < to; i++) {
      largest = Math.max(largest, Math.abs(x[i]));
    }
    double scale = Float.float16ToFloat(Float.floatToFloat16((float) (largest / 127)));
    for (int i = from; i < to; i++) {
      x[i] = scale == 0 ? 0 : Math.clamp(Math.rint(x[i] / scale), -127, 127) * scale;
    }
  }
}
