package org.espalier.runtime.evaluation.pass;

/** The likeliest tokens of a row of logits. */
public final class Likeliest {
  private Likeliest() {}

  /**
   * The ids of the greatest logits, in descending order, of equal ones the lower id first.
   *
   * @param count leading values that take part
   * @param size how many, at most {@code count}
   */
  public static int[] of(float[] logits, int count, int size) {
    // A heap of the best so far, whose root is the worst of them.
    int[] heap = new int[size];
    for (int token = 0; token < size; token++) {
      heap[token] = token;
    }
    for (int i = size / 2 - 1; i >= 0; i--) {
      sink(heap, i, size, logits);
    }
    for (int token = size; token < count; token++) {
      if (worse(heap[0], token, logits)) {
        heap[0] = token;
        sink(heap, 0, size, logits);
      }
    }
    for (int end = size - 1; end > 0; end--) {
      int worst = heap[0];
      heap[0] = heap[end];
      heap[end] = worst;
      sink(heap, 0, end, logits);
    }
    return heap;
  }

  private static void sink(int[] heap, int start, int size, float[] logits) {
    int at = start;
    while (true) {
      int child = 2 * at + 1;
      if (child >= size) {
        return;
      }
      if (child + 1 < size && worse(heap[child + 1], heap[child], logits)) {
        child++;
      }
      if (!worse(heap[child], heap[at], logits)) {
        return;
      }
      int moved = heap[at];
      heap[at] = heap[child];
      heap[child] = moved;
      at = child;
    }
  }

  private static boolean worse(int a, int b, float[] logits) {
    return logits[a] < logits[b] || (logits[a] == logits[b] && a > b);
  }
}
