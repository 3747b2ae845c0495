package org.espalier.codec.qtip.search;

/**
 * The order in which groups of states are worked on, and the trace that leads back through them.
 */
final class Groups {
  /** Predecessors of a state, and successors. */
  static final int BRANCHES = 16;

  /** Groups of states that share their successors. */
  static final int COUNT = Codewords.STATES / BRANCHES;

  /** Groups that share their predecessors: g / 16. */
  static final int SOURCES = COUNT / BRANCHES;

  private Groups() {}

  /**
   * Which predecessor was best, by step and group: 4 bits each, eight blocks of lanes to an {@code
   * int} per lane.
   */
  static final class Trace {
    private static final int PER_WORD = 8;

    private final int lanes;
    private final int[] words = new int[TrellisSearch.STEPS * COUNT / PER_WORD];

    Trace(int lanes) {
      this.lanes = lanes;
    }

    int[] words() {
      return words;
    }

    /** Where the words of a step begin. */
    static int step(int step) {
      return step * (COUNT / PER_WORD);
    }

    int predecessor(int step, int group) {
      int block = group / lanes;
      int word = step(step) + block / PER_WORD * lanes + group % lanes;
      return words[word] >>> 4 * (block % PER_WORD) & BRANCHES - 1;
    }

    /** Walks back from the best group of the last step. */
    void walk(int finalState, int[] walk) {
      int state = finalState;
      walk[TrellisSearch.STEPS - 1] = state;
      for (int step = TrellisSearch.STEPS - 2; step >= 0; step--) {
        int group = state >>> 4;
        state = predecessor(step, group) * COUNT + group;
        walk[step] = state;
      }
    }
  }
}
