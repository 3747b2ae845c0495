package org.espalier.runtime.evaluation.divergence;

import java.util.Arrays;
import org.espalier.runtime.evaluation.pass.LogSoftmax;

/**
 * A distribution in short: its likeliest tokens one by one, and all others together.
 *
 * @param tokens the likeliest, by descending probability, of equal ones the lower id first
 * @param logProbabilities theirs
 * @param tail logarithm of what all others have together; −∞ where there are none
 * @param target log-probability of the token that follows; not a number where none does
 */
record TopTokens(int[] tokens, float[] logProbabilities, float tail, float target) {

  /**
   * Shortens a distribution.
   *
   * @param count leading tokens that take part
   * @param size how many to keep, at most {@code count}
   */
  static TopTokens of(float[] logits, int count, int size, int target) {
    int[] tokens = likeliest(logits, count, size);
    double sum = LogSoftmax.logSum(logits, count);
    float[] logProbabilities = new float[size];
    for (int i = 0; i < size; i++) {
      logProbabilities[i] = (float) (logits[tokens[i]] - sum);
    }
    return new TopTokens(
        tokens,
        logProbabilities,
        (float) Math.log(rest(logits, count, sum, tokens)),
        target == Divergence.NO_TARGET ? Float.NaN : (float) (logits[target] - sum));
  }

  /**
   * KL to a model's prediction, all tokens of the tail taken as one: never more than that of the
   * whole distribution, and for a hundred tokens hardly less.
   */
  Divergence divergence(float[] logits, int count, int next) {
    double sum = LogSoftmax.logSum(logits, count);
    double kl = 0;
    for (int i = 0; i < tokens.length; i++) {
      double own = logits[tokens[i]] - sum;
      kl += Math.exp(logProbabilities[i]) * (logProbabilities[i] - own);
    }
    if (tail > Float.NEGATIVE_INFINITY) {
      kl += Math.exp(tail) * (tail - Math.log(rest(logits, count, sum, tokens)));
    }
    return new Divergence(
        kl,
        tokens[0] == LogSoftmax.greatest(logits, count),
        next == Divergence.NO_TARGET ? Double.NaN : logits[next] - sum,
        next == Divergence.NO_TARGET ? Double.NaN : target);
  }

  /** What all tokens but the given ones have together, summed directly: 1 − Σ would be noise. */
  private static double rest(float[] logits, int count, double logSum, int[] without) {
    int[] ascending = without.clone();
    Arrays.sort(ascending);
    double rest = 0;
    int from = 0;
    for (int i = 0; i <= ascending.length; i++) {
      int to = i < ascending.length ? ascending[i] : count;
      for (int token = from; token < to; token++) {
        rest += Math.exp(logits[token] - logSum);
      }
      from = to + 1;
    }
    return rest;
  }

  /** A heap of the best so far, whose root is the worst of them. */
  private static int[] likeliest(float[] logits, int count, int size) {
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
