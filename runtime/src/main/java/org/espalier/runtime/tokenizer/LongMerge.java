package org.espalier.runtime.tokenizer;

import java.util.Arrays;

/**
 * Joins pairs in a long piece in O(n log n): the pairs wait in a heap by rank and position, and the
 * tokens form a linked list. A word of a hundred thousand letters would take minutes otherwise.
 */
final class LongMerge {
  private final Merges merges;
  private final int[] ids;
  private final int count;

  /** Positions of the neighbours; {@code next} of the last is {@code count}. */
  private final int[] next;

  private final int[] previous;

  /** The rank of the pair that begins at a position now; heap entries of another rank are stale. */
  private final int[] ranks;

  /** Rank in the upper half, position in the lower. */
  private long[] heap;

  private int heapSize;

  LongMerge(Merges merges, int[] ids, int count) {
    this.merges = merges;
    this.ids = ids;
    this.count = count;
    this.next = new int[count];
    this.previous = new int[count];
    this.ranks = new int[count];
    this.heap = new long[count];
  }

  /** Leaves the result at the front of the ids and returns its length. */
  int run() {
    for (int i = 0; i < count; i++) {
      next[i] = i + 1;
      previous[i] = i - 1;
    }
    for (int i = 0; i < count; i++) {
      rankPair(i);
    }
    while (heapSize > 0) {
      long entry = pop();
      int position = (int) entry;
      int rank = (int) (entry >>> 32);
      if (ranks[position] == rank) {
        join(position, rank);
      }
    }
    int left = 0;
    for (int i = 0; i < count; i = next[i]) {
      ids[left++] = ids[i];
    }
    return left;
  }

  private void join(int position, int rank) {
    int removed = next[position];
    ids[position] = merges.joined(rank);
    ranks[removed] = Merges.NONE;
    next[position] = next[removed];
    if (next[position] < count) {
      previous[next[position]] = position;
    }
    rankPair(position);
    if (previous[position] >= 0) {
      rankPair(previous[position]);
    }
  }

  private void rankPair(int position) {
    int rank =
        next[position] < count ? merges.rank(ids[position], ids[next[position]]) : Merges.NONE;
    ranks[position] = rank;
    if (rank != Merges.NONE) {
      push((long) rank << 32 | position);
    }
  }

  private void push(long entry) {
    if (heapSize == heap.length) {
      heap = Arrays.copyOf(heap, Math.multiplyExact(2, heapSize));
    }
    int child = heapSize++;
    while (child > 0) {
      int parent = (child - 1) >>> 1;
      if (heap[parent] <= entry) {
        break;
      }
      heap[child] = heap[parent];
      child = parent;
    }
    heap[child] = entry;
  }

  private long pop() {
    long least = heap[0];
    long moved = heap[--heapSize];
    int parent = 0;
    for (int child = 1; child < heapSize; child = 2 * parent + 1) {
      if (child + 1 < heapSize && heap[child + 1] < heap[child]) {
        child++;
      }
      if (heap[child] >= moved) {
        break;
      }
      heap[parent] = heap[child];
      parent = child;
    }
    heap[parent] = moved;
    return least;
  }
}
