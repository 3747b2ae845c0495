package org.espalier.codec.qtip;

import java.lang.foreign.MemorySegment;

/**
 * The bitshift trellis of QTIP with the HYB code: L = 16 bits of state, k = 2 bits per weight, V =
 * 2 weights per step, a codebook of Q = 9 bits.
 *
 * <p>A tile is a walk of {@value #STEPS} states. Each step shifts a code of {@value #CODE_BITS}
 * bits into the state, so the state is a sliding window over the stream of codes and any of them
 * can be had without walking there. A state names two weights, its codeword: a hash of the state
 * picks an entry of the {@link Codebook}, and one more bit of the hash the sign of the entry's
 * second value.
 *
 * <p>{@link #decodeTile} is the definition, step by step; {@link BlockDecoder} gives the same
 * values faster.
 */
final class Trellis {
  /** L: bits of a state. */
  static final int STATE_BITS = 16;

  /** k · V: bits that one step shifts in. */
  static final int CODE_BITS = 4;

  /** V: weights per state. */
  static final int STEP_WEIGHTS = 2;

  /** States of a tile. */
  static final int STEPS = TileBlock.WEIGHTS / STEP_WEIGHTS;

  private static final int STATE_MASK = (1 << STATE_BITS) - 1;
  private static final int ENTRY_SHIFT = 6;
  private static final int SIGN_BIT = 15;

  private Trellis() {}

  /** The state that follows {@code state} when {@code code} is shifted in. */
  static int next(int state, int code) {
    return (state << CODE_BITS | code) & STATE_MASK;
  }

  /**
   * Scrambles a state. Only bits 0 to {@value #SIGN_BIT} of the result matter, and these depend on
   * bits 0 to 15 of the argument alone: whoever has the state with other bits above it need not
   * mask them off.
   */
  static int hash(int state) {
    return state * (state + 1);
  }

  /** The codebook entry that a hash picks: its bits 6 to 14. */
  static int entry(int hash) {
    return hash >>> ENTRY_SHIFT & (Codebook.ENTRIES - 1);
  }

  /** Whether a hash turns the sign of the second value: its bit 15. */
  static boolean negates(int hash) {
    return (hash >>> SIGN_BIT & 1) == 1;
  }

  /**
   * Entry and sign together, bits 6 to 15 of a hash: an index into {@link Codebook#signedSeconds}.
   */
  static int signedEntry(int hash) {
    return hash >>> ENTRY_SHIFT & (2 * Codebook.ENTRIES - 1);
  }

  /** The first weight of a state, before scaling. */
  static float first(int state, Codebook codebook) {
    return codebook.value(entry(hash(state)), 0);
  }

  /** The second weight of a state, before scaling. */
  static float second(int state, Codebook codebook) {
    int hash = hash(state);
    float value = codebook.value(entry(hash), 1);
    return negates(hash) ? -value : value;
  }

  /**
   * Decodes one tile.
   *
   * @param blocks holds the tile's block
   * @param at byte in {@code blocks} where the block begins
   * @param target receives the {@value TileBlock#WEIGHTS} weights in row-major order
   * @param offset where in {@code target} the first goes
   */
  static void decodeTile(
      MemorySegment blocks, long at, Codebook codebook, float[] target, int offset) {
    float scale = TileBlock.scale(blocks, at);
    int state = TileBlock.startState(blocks, at);
    for (int step = 0; step < STEPS; step++) {
      if (step > 0) {
        state = next(state, TileBlock.code(blocks, at, step));
      }
      target[offset + 2 * step] = scale * first(state, codebook);
      target[offset + 2 * step + 1] = scale * second(state, codebook);
    }
  }
}
