package org.espalier.backend.cuda.stage;

import java.util.List;
import org.espalier.api.model.ActivationSite;
import org.espalier.api.model.Stage;
import org.espalier.backend.cuda.kernel.Operand;
import org.espalier.backend.cuda.kernel.Target;
import org.espalier.backend.cuda.weights.LoadedLinear;

/** Logits of the wanted rows, some at a time. */
final class HeadStage {
  private final Stage.Head stage;
  private final Resources resources;
  private final LoadedLinear output;
  private final long norm;

  HeadStage(Stage.Head stage, Resources resources, LoadedLinear output) {
    this.stage = stage;
    this.resources = resources;
    this.output = output;
    norm = resources.floats(stage.norm().weight());
  }

  /** Most rows of one launch. */
  int capacity() {
    return Math.min(resources.scratch().rows, Scratch.HEAD_ROWS);
  }

  /**
   * Launches the head for some of the wanted rows.
   *
   * @param first of them
   * @param rows at most {@link #capacity()}
   */
  void launch(Pass pass, int first, int rows) {
    Scratch scratch = resources.scratch();
    Operand operand = scratch.headInput(output.pairs(), output.bank().inputs());
    resources
        .entrance()
        .gather(
            pass,
            rows,
            scratch.wanted() + (long) first * Integer.BYTES,
            norm,
            stage.norm().epsilon(),
            pass.isObserved() ? scratch.headNormed() : 0,
            new Target(output.input(), operand));
    resources
        .launches()
        .multiply(rows, List.of(new Launches.Product(output, operand, scratch.logits())));
    resources.launches().leave(output.output(), scratch.logits(), rows);
  }

  /** Where the input of the head stands, if somebody looks. */
  long normed() {
    return resources.scratch().headNormed();
  }

  /** What it is called there. */
  ActivationSite site() {
    return new ActivationSite.HeadInput();
  }
}
