package org.espalier.runtime.evaluation.divergence;

import java.io.IOException;

/** The reference's predictions along a text, a few positions at a time. */
interface ReferenceRows extends AutoCloseable {
  /** Most positions per {@link #advance}. */
  int batch();

  /** Begins a window. */
  void begin();

  /** Goes on by some positions. */
  void advance(int[] tokens) throws IOException;

  /** Puts a position of the last advance into a slot; positions are asked for in order. */
  void load(int row, int slot) throws IOException;

  /**
   * Compares the position in a slot; called by several threads, each with slots of its own.
   *
   * @param position of the whole text
   * @param target the token that follows, or {@link Divergence#NO_TARGET}
   */
  Divergence divergence(int slot, float[] logits, int position, int target);

  /** All slots from 0 to {@code count} − 1 were compared. */
  void compared(int count) throws IOException;

  @Override
  void close() throws IOException;
}
