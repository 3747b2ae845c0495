package org.espalier.backend.cpu.stage;

import java.util.ArrayList;
import java.util.List;
import org.espalier.api.backend.CacheType;
import org.espalier.api.backend.CacheTypes;
import org.espalier.backend.cpu.numeric.ByteBlocks;
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
  private final CacheTypes types;
  private final List<Page> pages = new ArrayList<>();

  /** Whether no number was too large for its type. */
  private volatile boolean finite = true;

  /**
   * Keys or values of a page; the arrays of other types are empty.
   *
   * @param stride array elements that a vector of one head takes
   */
  private record Numbers(CacheType type, int stride, float[] floats, int[] words, short[] brains) {
    static Numbers of(CacheType type, int dimension, int vectors) {
      int stride = elements(type, dimension);
      int size = vectors * stride;
      return switch (type) {
        case F32 -> new Numbers(type, stride, new float[size], new int[0], new short[0]);
        case F16, Q8_0 -> new Numbers(type, stride, new float[0], new int[size], new short[0]);
        case BF16 -> new Numbers(type, stride, new float[0], new int[0], new short[size]);
      };
    }

    int index(int head, int position) {
      return (head * PAGE + position % PAGE) * stride;
    }

    /** Takes over all of another's. */
    void copyFrom(Numbers other) {
      System.arraycopy(other.floats, 0, floats, 0, floats.length);
      System.arraycopy(other.words, 0, words, 0, words.length);
      System.arraycopy(other.brains, 0, brains, 0, brains.length);
    }
  }

  private record Page(Numbers keys, Numbers values) {}

  KeyValueCache(int heads, int dimension, CacheTypes types) {
    this.heads = heads;
    this.dimension = dimension;
    this.types = types;
  }

  private static int elements(CacheType type, int dimension) {
    return switch (type) {
      case F32, BF16 -> dimension;
      case F16 -> Halves.words(dimension);
      case Q8_0 -> ByteBlocks.words(dimension);
    };
  }

  CacheTypes types() {
    return types;
  }

  /** Makes room for positions below {@code length}. */
  void reserve(int length) {
    int vectors = heads * PAGE;
    while (pages.size() * PAGE < length) {
      pages.add(
          new Page(
              Numbers.of(types.keys(), dimension, vectors),
              Numbers.of(types.values(), dimension, vectors)));
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
      int to = numbers.index(head, position);
      int at = offset + head * dimension;
      switch (numbers.type) {
        case F32 -> System.arraycopy(from, at, numbers.floats, to, dimension);
        case F16 -> {
          if (!Halves.pack(from, at, numbers.words, to, dimension)) {
            finite = false;
          }
        }
        case BF16 -> toBrain(from, at, numbers.brains, to, dimension);
        case Q8_0 -> ByteBlocks.pack(from, at, numbers.words, to, dimension);
      }
    }
  }

  /** Reads one head's keys at positions that lie in one page. */
  void readKeys(int head, int position, int count, float[] target, int offset) {
    Numbers keys = pages.get(position / PAGE).keys;
    read(keys, keys.index(head, position), count, target, offset);
  }

  /** Reads one head's values at positions that lie in one page. */
  void readValues(int head, int position, int count, float[] target, int offset) {
    Numbers values = pages.get(position / PAGE).values;
    read(values, values.index(head, position), count, target, offset);
  }

  private void read(Numbers numbers, int from, int count, float[] target, int offset) {
    switch (numbers.type) {
      case F32 -> System.arraycopy(numbers.floats, from, target, offset, count * dimension);
      case F16 -> {
        if (finite) {
          Halves.unpackFinite(numbers.words, from, target, offset, dimension, count);
        } else {
          Halves.unpack(numbers.words, from, target, offset, dimension, count);
        }
      }
      case BF16 -> fromBrain(numbers.brains, from, target, offset, count * dimension);
      case Q8_0 -> ByteBlocks.unpack(numbers.words, from, target, offset, dimension, count);
    }
  }

  /**
   * Whether a single row is spared the conversion of keys and values: {@link #multiplyHalves} or
   * {@link #multiplyBytes} can be used, and {@link #addHalves} or {@link #addBytes}.
   */
  boolean readsInPlace() {
    return readsInPlace(types.keys()) && readsInPlace(types.values());
  }

  private boolean readsInPlace(CacheType type) {
    return switch (type) {
      case F16 -> finite && Halves.areMultiplied(dimension);
      case Q8_0 -> ByteBlocks.areMultiplied(dimension);
      case F32, BF16 -> false;
    };
  }

  /**
   * The products of a query with keys at positions that lie in one page.
   *
   * @param count positions, a multiple of 4
   * @param query no value above {@link Halves#LARGEST_FACTOR}
   * @param work room for {@link Halves#workFloats}
   */
  void multiplyHalves(
      int head,
      int position,
      int count,
      float[] query,
      int offset,
      float[] scores,
      int at,
      float[] work,
      int workAt) {
    Numbers keys = pages.get(position / PAGE).keys;
    int from = keys.index(head, position);
    Halves.multiply(keys.words, from, count, dimension, query, offset, scores, at, work, workAt);
  }

  /** The same for keys that are bytes. */
  void multiplyBytes(
      int head,
      int position,
      int count,
      float[] query,
      int offset,
      float[] scores,
      int at,
      float[] work,
      int workAt) {
    Numbers keys = pages.get(position / PAGE).keys;
    int from = keys.index(head, position);
    ByteBlocks.multiply(
        keys.words, from, count, dimension, query, offset, scores, at, work, workAt);
  }

  /** Adds values at positions that lie in one page, each with a weight of at most 1. */
  void addHalves(
      int head, int position, int count, float[] weights, int offset, float[] sums, int at) {
    Numbers values = pages.get(position / PAGE).values;
    int from = values.index(head, position);
    Halves.addWeighted(values.words, from, dimension, weights, offset, count, sums, at);
  }

  /** The same for values that are bytes. */
  void addBytes(
      int head, int position, int count, float[] weights, int offset, float[] sums, int at) {
    Numbers values = pages.get(position / PAGE).values;
    int from = values.index(head, position);
    ByteBlocks.addWeighted(values.words, from, dimension, weights, offset, count, sums, at);
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
  static long bytesPerPosition(int heads, int dimension, CacheTypes types) {
    return heads * (bytes(types.keys(), dimension) + bytes(types.values(), dimension));
  }

  private static long bytes(CacheType type, int dimension) {
    return (long) elements(type, dimension)
        * (type == CacheType.BF16 ? Short.BYTES : Integer.BYTES);
  }
}
