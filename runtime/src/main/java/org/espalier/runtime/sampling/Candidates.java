package org.espalier.runtime.sampling;

import org.espalier.api.EspalierException.MalformedModel;

/**
 * The tokens that may still be drawn, with their logits. Each is packed into one {@code long},
 * logit above and inverted id below, such that a larger number is a likelier token and, among equal
 * logits, a lower id: every comparison in the chain is a comparison of two longs.
 *
 * <p>After {@link #fill} candidate i is token i, until a step sorts or removes. Buffers grow to the
 * vocabulary once; nothing is allocated after that.
 */
final class Candidates {
  private long[] packed = {};
  private double[] weights = {};
  private int size;

  /** So many candidates at the front are the likeliest, in order. */
  private int sorted;

  /** Takes a row of logits. */
  void fill(float[] logits, int offset, int count) {
    if (packed.length < count) {
      packed = new long[count];
      weights = new double[count];
    }
    for (int i = 0; i < count; i++) {
      float logit = logits[offset + i];
      if (Float.isNaN(logit)) {
        throw new MalformedModel(
            "the model's logits are not numbers (the first is that of token "
                + i
                + "): its weights are damaged or its activations overflow; check the file, or"
                + " compute more exactly");
      }
      packed[i] = pack(logit, i);
    }
    size = count;
    sorted = 0;
  }

  int size() {
    return size;
  }

  int token(int index) {
    return ~(int) packed[index];
  }

  float logit(int index) {
    return TotalOrder.value((int) (packed[index] >> 32));
  }

  /** Changes the logit of a token. Only before anything was sorted or removed. */
  void setLogit(int token, float logit) {
    if (Float.isNaN(logit)) {
      throw new MalformedModel(
          "the logit of token " + token + " and its bias are infinities of different sign");
    }
    packed[token] = pack(logit, token);
  }

  /**
   * Divides all logits by a positive number, counted from the largest, so that even the smallest
   * divisor overflows to nothing worse than minus infinity. Their order stays as it is.
   */
  void divide(float divisor) {
    float largest = largestLogit();
    for (int i = 0; i < size; i++) {
      float logit = logit(i);
      if (logit != Float.NEGATIVE_INFINITY) {
        packed[i] = pack(logit == largest ? 0 : (logit - largest) / divisor, token(i));
      }
    }
  }

  /** Brings the {@code count} likeliest to the front, in order. */
  void sortTop(int count) {
    int wanted = Math.min(count, size);
    if (sorted < wanted) {
      TopSort.descending(packed, size, wanted);
      sorted = wanted;
    }
  }

  /** Keeps the first {@code count}. */
  void truncate(int count) {
    size = Math.min(size, count);
    sorted = Math.min(sorted, size);
  }

  /** Keeps those whose logit is at least {@code least}, in their order. */
  void keepAtLeast(float least) {
    int kept = 0;
    int keptSorted = 0;
    for (int i = 0; i < size; i++) {
      if (logit(i) >= least) {
        packed[kept++] = packed[i];
        keptSorted += i < sorted ? 1 : 0;
      }
    }
    size = kept;
    sorted = keptSorted;
  }

  /** Keeps candidate i where {@code keys[i] >= least}, in their order. */
  void keepWhere(long[] keys, long least) {
    int kept = 0;
    int keptSorted = 0;
    for (int i = 0; i < size; i++) {
      if (keys[i] >= least) {
        packed[kept++] = packed[i];
        keptSorted += i < sorted ? 1 : 0;
      }
    }
    size = kept;
    sorted = keptSorted;
  }

  /** The largest logit. */
  float largestLogit() {
    long largest = packed[0];
    for (int i = 1; i < size; i++) {
      largest = Math.max(largest, packed[i]);
    }
    return TotalOrder.value((int) (largest >> 32));
  }

  /**
   * exp(logit − largest logit) of every candidate, in order: proportional to the probabilities.
   * {@link StrictMath} gives the same numbers on every machine.
   */
  double[] weights() {
    float largest = largestLogit();
    for (int i = 0; i < size; i++) {
      weights[i] = weight(logit(i), largest);
    }
    return weights;
  }

  /** The sum of the first {@code size} weights that {@link #weights()} gave. */
  double weightSum() {
    double sum = 0;
    for (int i = 0; i < size; i++) {
      sum += weights[i];
    }
    return sum;
  }

  /** Of one candidate, given the largest logit: 1 for the likeliest even if that is infinite. */
  static double weight(float logit, float largest) {
    return logit == largest ? 1 : StrictMath.exp((double) logit - largest);
  }

  /** Room for as many numbers as there can be candidates. */
  int capacity() {
    return packed.length;
  }

  private static long pack(float logit, int token) {
    return (long) TotalOrder.key(logit) << 32 | (~token & 0xFFFF_FFFFL);
  }
}
