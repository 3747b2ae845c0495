package org.espalier.backend.cpu.stage;

import java.util.List;
import org.espalier.api.model.ActivationSite;
import org.espalier.api.model.Stage;
import org.espalier.backend.cpu.numeric.Elementwise;
import org.espalier.backend.cpu.spi.KernelInput;
import org.espalier.backend.cpu.workers.WorkerPool;

/** Logits of the rows that are wanted. */
final class HeadStage implements CompiledStage {
  private final Stage.Head stage;
  private final BoundLinear output;
  private final Pass pass;
  private final float[] norm;
  private final ActivationSite site = new ActivationSite.HeadInput();

  // These grow with the number of wanted rows: most passes want one, a few want all.
  private float[] normed = new float[0];
  private KernelInput input = KernelInput.allocate(0, 0, 0);
  private float[] logits = new float[0];

  private final WorkerPool.Task prepare = this::prepare;
  private final WorkerPool.Task multiply = this::multiply;
  private final WorkerPool.Task finish = this::finish;

  HeadStage(Stage.Head stage, BoundLinear output, Pass pass) {
    this.stage = stage;
    this.output = output;
    this.pass = pass;
    norm = stage.norm().weights();
  }

  @Override
  public void run() {
    int rows = pass.wantedRows();
    if (rows == 0) {
      return;
    }
    if (normed.length < rows * pass.width) {
      normed = new float[Math.multiplyExact(rows, pass.width)];
      input = Buffers.input(rows, List.of(output));
      logits = new float[Math.multiplyExact(rows, output.outputs())];
    }
    pass.workers.run(rows, prepare);
    if (pass.observer.wants(site)) {
      pass.observer.rows(site, normed, 0, rows, pass.width, new float[0]);
    }
    pass.workers.run(output.chunks(), multiply);
    pass.workers.run(rows, finish);
  }

  /** Row after row of the last pass, as many as were wanted. */
  float[] logits() {
    return logits;
  }

  private void prepare(int i, int worker) {
    int width = pass.width;
    Elementwise.rmsNorm(
        pass.residual, pass.wantedRow(i) * width, norm, stage.norm().epsilon(), normed, i * width);
    output.prepare(0, normed, i * width, input, i, pass.scratch(worker));
  }

  private void multiply(int piece, int worker) {
    output.multiply(
        0, piece, input, 0, pass.wantedRows(), logits, 0, output.outputs(), pass.scratch(worker));
  }

  private void finish(int i, int worker) {
    output.finish(0, logits, i * output.outputs());
  }
}
