package org.espalier.testkit.reference;

import org.espalier.api.tensor.ElementType;
import org.espalier.testkit.number.Elements;

/** Keys and values of one session in one layer, by position, rounded to the cache's type. */
final class KeyValueCache {
  private final ElementType type;
  private final double[][] keys;
  private final double[][] values;

  KeyValueCache(int contextLength, ElementType type) {
    this.type = type;
    this.keys = new double[contextLength][];
    this.values = new double[contextLength][];
  }

  void put(int position, double[] key, double[] value) {
    keys[position] = rounded(key);
    values[position] = rounded(value);
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

  private double[] rounded(double[] exact) {
    double[] stored = new double[exact.length];
    for (int i = 0; i < exact.length; i++) {
      stored[i] = Elements.round((float) exact[i], type);
    }
    return stored;
  }
}
