package org.espalier.backend.cpu.stage;

import java.util.ArrayList;
import java.util.List;
import org.espalier.api.tensor.ElementType;
import org.espalier.backend.cpu.numeric.Elements;

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
  private final List<Page> pages = new ArrayList<>();

  /** One page; the arrays of the other element type are empty. */
  private record Page(float[] keys, float[] values, short[] halfKeys, short[] halfValues) {}

  KeyValueCache(int heads, int dimension, ElementType type) {
    this.heads = heads;
    this.dimension = dimension;
    this.type = type;
  }

  /** Makes room for positions below {@code length}. */
  void reserve(int length) {
    int size = heads * PAGE * dimension;
    while (pages.size() * PAGE < length) {
      pages.add(
          type == ElementType.F32
              ? new Page(new float[size], new float[size], new short[0], new short[0])
              : new Page(new float[0], new float[0], new short[size], new short[size]));
    }
  }

  /** Gives all memory back. */
  void release() {
    pages.clear();
  }

  private int index(int head, int position) {
    return (head * PAGE + position % PAGE) * dimension;
  }

  /** Stores the keys of all heads at a position. */
  void putKeys(int position, float[] k, int offset) {
    Page page = pages.get(position / PAGE);
    put(page.keys, page.halfKeys, position, k, offset);
  }

  /** Stores the values of all heads at a position. */
  void putValues(int position, float[] v, int offset) {
    Page page = pages.get(position / PAGE);
    put(page.values, page.halfValues, position, v, offset);
  }

  private void put(float[] floats, short[] halves, int position, float[] from, int offset) {
    for (int head = 0; head < heads; head++) {
      int to = index(head, position);
      int at = offset + head * dimension;
      switch (type) {
        case F32 -> System.arraycopy(from, at, floats, to, dimension);
        case F16 -> toHalf(from, at, halves, to, dimension);
        case BF16 -> toBrain(from, at, halves, to, dimension);
      }
    }
  }

  /** Reads one head's keys at positions that lie in one page. */
  void readKeys(int head, int position, int count, float[] target, int offset) {
    Page page = pages.get(position / PAGE);
    read(page.keys, page.halfKeys, index(head, position), count, target, offset);
  }

  /** Reads one head's values at positions that lie in one page. */
  void readValues(int head, int position, int count, float[] target, int offset) {
    Page page = pages.get(position / PAGE);
    read(page.values, page.halfValues, index(head, position), count, target, offset);
  }

  private void read(
      float[] floats, short[] halves, int from, int count, float[] target, int offset) {
    switch (type) {
      case F32 -> System.arraycopy(floats, from, target, offset, count * dimension);
      case F16 -> fromHalf(halves, from, target, offset, count * dimension);
      case BF16 -> fromBrain(halves, from, target, offset, count * dimension);
    }
  }

  // Plain loops over arrays: the compiler turns them into vector conversions.

  private static void toHalf(float[] from, int at, short[] to, int offset, int count) {
    for (int i = 0; i < count; i++) {
      to[offset + i] = Float.floatToFloat16(from[at + i]);
    }
  }

  private static void fromHalf(short[] from, int at, float[] to, int offset, int count) {
    for (int i = 0; i < count; i++) {
      to[offset + i] = Float.float16ToFloat(from[at + i]);
    }
  }

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
