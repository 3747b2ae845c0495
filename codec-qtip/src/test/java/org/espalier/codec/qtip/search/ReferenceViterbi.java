package org.espalier.codec.qtip.search;

/** The Viterbi algorithm over a bitshift trellis of any size, state by state, in F32. */
final class ReferenceViterbi {
  private final int stateBits;
  private final int codeBits;
  private final float[] first;
  private final float[] second;

  ReferenceViterbi(int stateBits, int codeBits, float[] first, float[] second) {
    this.stateBits = stateBits;
    this.codeBits = codeBits;
    this.first = first;
    this.second = second;
  }

  static ReferenceViterbi of(Codewords codewords) {
    float[] first = new float[Codewords.STATES];
    float[] second = new float[Codewords.STATES];
    for (int state = 0; state < Codewords.STATES; state++) {
      first[state] = codewords.first(state);
      second[state] = codewords.second(state);
    }
    return new ReferenceViterbi(16, 4, first, second);
  }

  float error(int state, float a0, float a1) {
    float d0 = first[state] - a0;
    float d1 = second[state] - a1;
    return d0 * d0 + d1 * d1;
  }

  /** The best walk over {@code steps} pairs of targets. */
  int[] search(float[] targets, int offset, int steps) {
    int states = 1 << stateBits;
    int[][] predecessors = new int[steps][states];
    float[] costs = new float[states];
    for (int step = 0; step < steps; step++) {
      float[] next = new float[states];
      for (int state = 0; state < states; state++) {
        float best = 0;
        if (step > 0) {
          best = Float.POSITIVE_INFINITY;
          for (int top = 0; top < 1 << codeBits; top++) {
            int predecessor = top << stateBits - codeBits | state >>> codeBits;
            if (costs[predecessor] < best) {
              best = costs[predecessor];
              predecessors[step][state] = predecessor;
            }
          }
        }
        next[state] =
            best + error(state, targets[offset + 2 * step], targets[offset + 2 * step + 1]);
      }
      costs = next;
    }
    int[] walk = new int[steps];
    for (int state = 0; state < states; state++) {
      if (costs[state] < costs[walk[steps - 1]]) {
        walk[steps - 1] = state;
      }
    }
    for (int step = steps - 1; step > 0; step--) {
      walk[step - 1] = predecessors[step][walk[step]];
    }
    return walk;
  }
}
