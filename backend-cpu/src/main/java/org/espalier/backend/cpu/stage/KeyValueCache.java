package org.espalier.backend.cpu.stage;

import java.util.ArrayList;
import java.util.List;
import org.espalier.api.tensor.ElementType;
import org.espalier.backend.cpu.numeric.Elements;
import org.espalier.backend.cpu.numeric.Halves;

/**
 * Keys and values of one layer of one session. Memory comes in pages of {@value #PAGE} positions as
 * the sequence grows, so a long context costs nothing before it is used. Within a page each head's
 * vectors lie together: [head × position × dimension].
 */
final class KeyValueCache {
  /** Positions per page. */
  static final int PAGE = 256;

  private final int heads;
  private final int dimension;
  private final ElementType type;

  /** Array elements that a vector of one head takes. */
  private final int stride;

  private final List<Page> pages = new ArrayList<>();

  /** Whether no number was too large for its type. */
  private volatile boolean finite = true;

  /** Keys or values of a page; the arrays of the other element types are empty. */
  private record Numbers(float[] floats, int[] halves, short[] brains) {
    static Numbers of(ElementType type, int size) {
      return switch (type) {
        case F32 -> new Numbers(new float[size], new int[0], new short[0]);
        case F16 -> new Numbers(new float[0], new int[size], new short[0]);
        case BF16 -> new Numbers(new float[0], new int[0], new short[size]);
      };
    }

    /** Takes over all of another's. */
    void copyFrom(Numbers other) {
      System.arraycopy(other.floats, 0, floats, 0, floats.length);
      System.arraycopy(other.halves, 0, halves, 0, halves.length);
      System.arraycopy(other.brains, 0, brains, 0, brains.length);
    }
  }

  private record Page(Numbers keys, Numbers values) {}

  KeyValueCache(int heads, int dimension, ElementType type) {
    this.heads = heads;
    this.dimension = dimension;
    this.type = type;
    this.stride = type == ElementType.F16 ? Halves.words(dimension) : dimension;
  }

  /** Makes room for positions below {@code length}. */
  void reserve(int length) {
    int size = heads * PAGE * stride;
    while (pages.size() * PAGE < length) {
      pages.add(new Page(Numbers.of(type, size), Numbers.of(type, size)));
    }
  }

  /** Takes over positions below {@code length}, for which both have room; more may come along. */
  void copyFrom(KeyValueCache other, int length) {
    for (int page = 0; page * PAGE < length; page++) {
      pages.get(page).keys.copyFrom(other.pages.get(page).keys);
      pages.get(page).values.copyFrom(other.pages.get(page).values);
    }
    finite &= other.finite;
  }

  /** Gives all memory back. */
  void release() {
    pages.clear();
  }

  private int index(int head, int position) {
    return (head * PAGE + position % PAGE) * stride;
  }

  /** Stores the keys of all heads at a position. */
  void putKeys(int position, float[] k, int offset) {
    put(pages.get(position / PAGE).keys, position, k, offset);
  }

  /** Stores the values of all heads at a position. */
  void putValues(int position, float[] v, int offset) {
    put(pages.get(position / PAGE).values, position, v, offset);
  }

  private void put(Numbers numbers, int position, float[] from, int offset) {
    for (int head = 0; head < heads; head++) {
      int to = index(head, position);
      int at = offset + head * dimension;
      switch (type) {
        case F32 -> System.arraycopy(from, at, numbers.floats, to, dimension);
        case F16 -> {
          if (!Halves.pack(from, at, numbers.halves, to, dimension)) {
            finite = false;
          }
        }
        case BF16 -> toBrain(from, at, numbers.brains, to, dimension);
      }
    }
  }

  /** Reads one head's keys at positions that lie in one page. */
  void readKeys(int head, int position, int count, float[] target, int offset) {
    read(pages.get(position / PAGE).keys, index(head, position), count, target, offset);
  }

  /** Reads one head's values at positions that lie in one page. */
  void readValues(int head, int position, int count, float[] target, int offset) {
    read(pages.get(position / PAGE).values, index(head, position), count, target, offset);
  }

  private void read(Numbers numbers, int from, int count, float[] target, int offset) {
    switch (type) {
      case F32 -> System.arraycopy(numbers.floats, from, target, offset, count * dimension);
      case F16 -> {
        if (finite) {
          Halves.unpackFinite(numbers.halves, from, target, offset, dimension, count);
        } else {
          Halves.unpack(numbers.halves, from, target, offset, dimension, count);
        }
      }
      case BF16 -> fromBrain(numbers.brains, from, target, offset, count * dimension);
    }
  }

  /**
   * Whether {@link #multiplyKeys} and {@link #addValues} can be used, which spare a single row the
   * conversion.
   */
  boolean readsInPlace() {
    return type == ElementType.F16 && finite && Halves.areMultiplied(dimension);
  }

  /**
   * The products of a query with keys at positions that lie in one page.
   *
   * @param count positions, a multiple of 4
   * @param query no value above {@link Halves#LARGEST_FACTOR}
   * @param work room for {@link Halves#workFloats}
   */
  void multiplyKeys(
      int head,
      int position,
      int count,
      float[] query,
      int offset,
      float[] scores,
      int at,
      float[] work,
      int workAt) {
    int[] halves = pages.get(position / PAGE).keys.halves;
    Halves.multiply(
        halves, index(head, position), count, dimension, query, offset, scores, at, work, workAt);
  }

  /** Adds values at positions that lie in one page, each with a weight of at most 1. */
  void addValues(
      int head, int position, int count, float[] weights, int offset, float[] sums, int at) {
    int[] halves = pages.get(position / PAGE).values.halves;
    Halves.addWeighted(halves, index(head, position), dimension, weights, offset, count, sums, at);
  }

  // Plain loops over arrays: the compiler turns them into vector conversions.

  private static void toBrain(float[] from, int at, short[] to, int offset, int count) {
    for (int i = 0; i < count; i++) {
      to[offset + i] = Elements.toBrain(from[at + i]);
    }
  }

  private static void fromBrain(short[] from, int at, float[] to, int offset, int count) {
    for (int i = 0; i < count; i++) {
      to[offset + i] = Float.intBitsToFloat(from[at + i] << 16);
    }
  }

  /** Bytes per position, for all heads. */
  static long bytesPerPosition(int heads, int dimension, ElementType type) {
    return 2L * heads * dimension * type.bytes();
  }
}
