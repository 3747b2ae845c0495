package org.espalier.backend.cuda.stage;

import java.util.List;
import org.espalier.backend.cuda.kernel.Kernel;
import org.espalier.backend.cuda.kernel.Parameters;
import org.espalier.backend.cuda.kernel.Target;
import org.espalier.backend.cuda.kernel.Turn;

/** The way into every stage: what the last one left is added, then norm and rotations. */
final class Entrance {
  private static final int TARGETS = 3;

  private final Launches launches;
  private final Scratch scratch;
  private final int width;

  Entrance(Launches launches, Scratch scratch, int width) {
    this.launches = launches;
    this.scratch = scratch;
    this.width = width;
  }

  /**
   * @param norm address of its weights
   * @param normed where the norm's result goes too, or 0
   * @param targets at most three
   */
  void enter(Pass pass, long norm, float epsilon, long normed, List<Target> targets) {
    boolean incomplete = pass.isIncomplete();
    int from = pass.residual;
    launch(
        pass,
        pass.rows,
        incomplete ? scratch.residual(1 - from) : 0,
        norm,
        epsilon,
        normed,
        0,
        targets);
    if (incomplete) {
      pass.residual = 1 - from;
      pass.pending = 0;
      pass.update = 0;
    }
  }

  /** Adds what is left, if anything. */
  void complete(Pass pass) {
    if (pass.isIncomplete()) {
      enter(pass, 0, 0, 0, List.of());
    }
  }

  /** Norm and rotation of some rows of the list of wanted ones, with nothing left to add. */
  void gather(
      Pass pass, int rows, long list, long norm, float epsilon, long normed, Target target) {
    launch(pass, rows, 0, norm, epsilon, normed, list, List.of(target));
  }

  private void launch(
      Pass pass,
      int rows,
      long residualOut,
      long norm,
      float epsilon,
      long normed,
      long gather,
      List<Target> targets) {
    Turn turn = pass.update == 0 ? Turn.none(width) : pass.updateTurn;
    Parameters parameters =
        new Parameters()
            .address(scratch.residual(pass.residual))
            .address(residualOut)
            .address(pass.pending)
            .address(scratch.rowSlots())
            .address(pass.update);
    turn.write(parameters).address(norm).address(normed).address(gather);
    Target.writeAll(parameters, TARGETS, targets)
        .integer(targets.size())
        .integer(pass.pendingUsed)
        .integer(width)
        .real(epsilon);
    launches.rows(Kernel.ENTER, rows, Math.max(1, targets.size()), width, parameters);
  }
}
