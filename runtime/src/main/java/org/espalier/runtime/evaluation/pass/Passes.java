package org.espalier.runtime.evaluation.pass;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.espalier.api.backend.Activations.Tokens;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Step;
import org.espalier.runtime.Model;

/**
 * Runs stretches of tokens through a model, as many positions per pass as it takes: several short
 * stretches together, a long one in pieces. That is what makes scoring as fast as reading a prompt.
 *
 * <p>Logits leave row by row, through a few buffers: however many are read, few are kept.
 */
public final class Passes {
  /** Rows that are copied out together, to be read by all cores. */
  private static final int BUFFERED_ROWS = 32;

  private final Executable executable;
  private final int batch;
  private final Runnable afterPass;
  private final float[][] buffers;

  /**
   * For one model.
   *
   * @param afterPass called between passes; may throw to end the work
   */
  public Passes(Model model, Runnable afterPass) {
    this(model.executable(), model.batch(), afterPass);
  }

  Passes(Executable executable, int batch, Runnable afterPass) {
    this.executable = executable;
    this.batch = batch;
    this.afterPass = afterPass;
    this.buffers = new float[Math.min(BUFFERED_ROWS, batch)][];
  }

  /** Runs all of them; their sessions must be different ones. */
  public void run(List<Stretch> stretches) {
    List<Piece> pass = new ArrayList<>();
    int room = batch;
    for (Stretch stretch : stretches) {
      for (int from = 0; from < stretch.tokens().length; ) {
        int to = Math.min(stretch.tokens().length, from + room);
        pass.add(new Piece(stretch, from, to));
        room -= to - from;
        from = to;
        if (room == 0) {
          forward(pass);
          pass.clear();
          room = batch;
        }
      }
    }
    if (!pass.isEmpty()) {
      forward(pass);
    }
  }

  private void forward(List<Piece> pieces) {
    List<Rows> results = executable.forward(pieces.stream().map(Piece::step).toList());
    for (int i = 0; i < pieces.size(); i++) {
      read(results.get(i), pieces.get(i));
    }
    afterPass.run();
  }

  private void read(Rows rows, Piece piece) {
    for (int start = 0; start < rows.count(); start += buffers.length) {
      int first = start;
      int count = Math.min(buffers.length, rows.count() - start);
      for (int i = 0; i < count; i++) {
        if (buffers[i] == null) {
          buffers[i] = new float[rows.width()];
        }
        rows.read(first + i, buffers[i], 0);
      }
      int skipped = piece.wantedBefore();
      IntStream.range(0, count)
          .parallel()
          .forEach(i -> piece.stretch().reader().read(skipped + first + i, buffers[i]));
    }
  }

  /** What one pass takes of a stretch: the tokens from {@code from} to before {@code to}. */
  private record Piece(Stretch stretch, int from, int to) {
    private int firstWanted() {
      return stretch.tokens().length - stretch.wanted();
    }

    /** Wanted rows of the stretch that earlier pieces had. */
    int wantedBefore() {
      return Math.max(0, from - firstWanted());
    }

    Step step() {
      Tokens tokens = new Tokens(Arrays.copyOfRange(stretch.tokens(), from, to));
      int wanted = Math.max(0, to - Math.max(from, firstWanted()));
      return new Step(stretch.session(), tokens, wanted);
    }
  }
}
