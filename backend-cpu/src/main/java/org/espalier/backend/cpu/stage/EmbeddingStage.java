package org.espalier.backend.cpu.stage;

import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.Rotation;
import org.espalier.backend.cpu.numeric.Elements;
import org.espalier.backend.cpu.numeric.Elementwise;
import org.espalier.backend.cpu.numeric.Hadamard;
import org.espalier.backend.cpu.spi.Scratch;
import org.espalier.backend.cpu.workers.WorkerPool;

/** Copies rows of the token table into the residual stream. */
final class EmbeddingStage implements CompiledStage {
  private final EncodedLinear table;
  private final Pass pass;
  private final WorkerPool.Task lookup = this::lookup;

  EmbeddingStage(EncodedLinear table, Pass pass) {
    this.table = table;
    this.pass = pass;
  }

  @Override
  public void run() {
    pass.workers.run(pass.rows(), lookup);
  }

  private void lookup(int row, int worker) {
    read(pass.tokens[row], pass.residual, row * pass.width, pass.scratch(worker));
  }

  /** Row {@code token} of the table. */
  private void read(int token, float[] target, int offset, Scratch scratch) {
    int width = table.shape().inputs();
    switch (table.form()) {
      case LinearForm.Dense(var element, var matrices) ->
          Elements.read(element, matrices.getFirst(), (long) token * width, width, target, offset);
      case LinearForm.Tiled tiled -> {
        // Row i of R_out C R_in is eᵢᵀ R_out C R_in; with no output rotation it is a row of C,
        // rotated by the transpose of R_in.
        int rows = tiled.grid().rows();
        int columns = tiled.grid().columns();
        int count = width / columns;
        float[] run = scratch.floats(count * tiled.grid().size());
        tiled.core().decode(0, token / rows, 0, count, run, 0);
        for (int t = 0; t < count; t++) {
          System.arraycopy(
              run,
              t * tiled.grid().size() + token % rows * columns,
              target,
              offset + t * columns,
              columns);
        }
        switch (tiled.input()) {
          case Rotation.Identity _ -> {
            // a plain table
          }
          case Rotation.SignedHadamard(int block, var signs) -> {
            Hadamard.transform(target, offset, width, block);
            Elementwise.multiplySigns(target, offset, signs, 0, target, offset, width);
          }
        }
      }
    }
  }
}
