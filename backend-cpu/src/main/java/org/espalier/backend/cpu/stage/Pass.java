package org.espalier.backend.cpu.stage;

import java.util.Arrays;
import org.espalier.api.backend.ExpertPlacement;
import org.espalier.api.backend.ExpertStore;
import org.espalier.api.backend.Observer;
import org.espalier.backend.cpu.spi.Scratch;
import org.espalier.backend.cpu.workers.WorkerPool;
import org.jspecify.annotations.Nullable;

/**
 * The rows of one forward pass on their way through the stages. One object serves all passes of an
 * executable; nothing here is allocated per token.
 */
public final class Pass {
  final int width;
  final WorkerPool workers;
  final Observer observer;

  /** Lends the weights of experts. */
  final ExpertStore experts;

  /** May want to know which are used. */
  final ExpertPlacement placement;

  /** The residual stream, [row × width]. */
  final float[] residual;

  /** Token ids, where the plan takes tokens. */
  final int[] tokens;

  /** The sequence that each row belongs to; rows of one sequence are neighbours. */
  final @Nullable SequenceState[] sequences;

  /** Each row's position in its sequence. */
  final int[] positions;

  /** Rows whose output is wanted, ascending. */
  final int[] wanted;

  private final Scratch[] scratches;
  private final float[][] privateRows;
  private int rows;
  private int wantedRows;

  /** Room for passes of up to {@code maximumRows} rows. */
  public Pass(
      int width,
      int maximumRows,
      WorkerPool workers,
      Observer observer,
      ExpertStore experts,
      ExpertPlacement placement) {
    this.width = width;
    this.workers = workers;
    this.observer = observer;
    this.experts = experts;
    this.placement = placement;
    residual = new float[Math.multiplyExact(maximumRows, width)];
    tokens = new int[maximumRows];
    sequences = new SequenceState[maximumRows];
    positions = new int[maximumRows];
    wanted = new int[maximumRows];
    scratches = new Scratch[workers.size()];
    Arrays.setAll(scratches, _ -> new Scratch());
    privateRows = new float[workers.size()][width];
  }

  /** Begins a new pass. */
  public void clear() {
    Arrays.fill(sequences, 0, rows, null);
    rows = 0;
    wantedRows = 0;
  }

  /** Adds a row of a sequence. */
  public int add(SequenceState sequence, int position, boolean isWanted) {
    sequences[rows] = sequence;
    positions[rows] = position;
    if (isWanted) {
      wanted[wantedRows++] = rows;
    }
    return rows++;
  }

  /** Sets the token of a row. */
  public void token(int row, int id) {
    tokens[row] = id;
  }

  /** The residual stream, [row × width]. */
  public float[] residual() {
    return residual;
  }

  /** Rows of this pass. */
  public int rows() {
    return rows;
  }

  /** Rows whose output is wanted. */
  public int wantedRows() {
    return wantedRows;
  }

  /** The i-th of them. */
  public int wantedRow(int i) {
    return wanted[i];
  }

  SequenceState sequence(int row) {
    SequenceState sequence = sequences[row];
    if (sequence == null) {
      throw new IllegalStateException("row " + row + " has no sequence");
    }
    return sequence;
  }

  /** One row of the residual's width for a worker's own use, apart from its scratch. */
  float[] privateRow(int worker) {
    return privateRows[worker];
  }

  Scratch scratch(int worker) {
    return scratches[worker];
  }
}
