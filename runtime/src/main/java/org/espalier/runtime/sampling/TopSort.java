package org.espalier.runtime.sampling;

/** Partial sorting: the few largest of many, without allocating. */
final class TopSort {
  private TopSort() {}

  /**
   * Brings the {@code count} largest of the first {@code size} keys to the front, in descending
   * order; the rest follow in any order. Takes size · log count steps at worst, and little more
   * than one comparison per key for a small count.
   */
  static void descending(long[] keys, int size, int count) {
    if (count <= 0) {
      return;
    }
    // The front is a heap with its smallest key on top, the one that a larger key displaces.
    for (int parent = count / 2 - 1; parent >= 0; parent--) {
      sink(keys, parent, count);
    }
    for (int i = count; i < size; i++) {
      if (keys[i] > keys[0]) {
        swap(keys, i, 0);
        sink(keys, 0, count);
      }
    }
    for (int last = count - 1; last > 0; last--) {
      swap(keys, 0, last);
      sink(keys, 0, last);
    }
  }

  private static void sink(long[] keys, int start, int size) {
    long key = keys[start];
    int hole = start;
    for (int child = 2 * hole + 1; child < size; child = 2 * hole + 1) {
      if (child + 1 < size && keys[child + 1] < keys[child]) {
        child++;
      }
      if (keys[child] >= key) {
        break;
      }
      keys[hole] = keys[child];
      hole = child;
    }
    keys[hole] = key;
  }

  private static void swap(long[] keys, int a, int b) {
    long key = keys[a];
    keys[a] = keys[b];
    keys[b] = key;
  }
}
