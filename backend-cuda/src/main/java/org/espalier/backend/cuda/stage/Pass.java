package org.espalier.backend.cuda.stage;

import org.espalier.api.backend.Observer;
import org.espalier.backend.cuda.kernel.Turn;

/**
 * The rows of one chunk on their way through the stages: which there are, and where the residual
 * stream stands. A stage may leave what it gives unadded; the next one adds it on its way in.
 */
public final class Pass {
  final Observer observer;
  final int firstRow;
  final int rows;
  final int wanted;
  final int splits;

  /** Which of the two buffers holds the residual stream. */
  int residual;

  /** Address of the experts' weighted outputs that are not added yet, or 0. */
  long pending;

  int pendingUsed;

  /** Address of a product's rows that are not added yet, or 0. */
  long update;

  Turn updateTurn = Turn.none(0);

  /**
   * @param firstRow its place in the whole pass
   * @param rows how many
   * @param wanted how many of them are wanted
   * @param splits stretches of {@value #SPLIT} positions that the longest sequence has; 0 if there
   *     are so many rows that attention goes by blocks of rows
   */
  public Pass(Observer observer, int firstRow, int rows, int wanted, int splits) {
    this.observer = observer;
    this.firstRow = firstRow;
    this.rows = rows;
    this.wanted = wanted;
    this.splits = splits;
  }

  /** Positions of a stretch; as in {@code attention.cuh}. */
  public static final int SPLIT = 64;

  /** Rows that share a reading of keys and values; as in {@code attention.cuh}. */
  public static final int QUERY_BLOCK = 8;

  /** Most rows whose attention goes by stretches. */
  public static final int SPLIT_ROWS = 8;

  boolean isObserved() {
    return observer != Observer.NONE;
  }

  /** Whether something is left to be added to the residual stream. */
  boolean isIncomplete() {
    return pending != 0 || update != 0;
  }
}
