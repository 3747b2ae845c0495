package org.espalier.backend.cuda.stage;

import java.util.ArrayList;
import java.util.List;
import org.espalier.api.model.ActivationSite;
import org.espalier.api.model.Norm;
import org.espalier.api.model.Stage;
import org.espalier.backend.cuda.kernel.Kernel;
import org.espalier.backend.cuda.kernel.Operand;
import org.espalier.backend.cuda.kernel.Parameters;
import org.espalier.backend.cuda.kernel.Target;
import org.espalier.backend.cuda.weights.LoadedLinear;

/** Attention: six launches. Its output is left for the next stage to rotate and add. */
final class AttentionStage implements GpuStage {
  private static final int QUERY = 0;
  private static final int KEY = 1;
  private static final int SPLIT_THREADS = 128;
  private static final int BLOCK_THREADS = 256;
  private static final int KEY_BLOCK = 32;

  private final Stage.Attention stage;
  private final Resources resources;
  private final LoadedLinear[] projections;
  private final LoadedLinear output;
  private final long norm;
  private final long[] projectionNorms = new long[3];
  private final float[] projectionEpsilons = new float[3];
  private final long frequencies;
  private final long before;

  /**
   * @param before values that earlier layers keep in the cache for one position
   */
  AttentionStage(
      Stage.Attention stage,
      Resources resources,
      List<LoadedLinear> projections,
      LoadedLinear output,
      long before) {
    this.stage = stage;
    this.resources = resources;
    this.projections = projections.toArray(LoadedLinear[]::new);
    this.output = output;
    this.before = before;
    norm = resources.floats(stage.norm().weight());
    stage.queryNorm().ifPresent(n -> keep(QUERY, n));
    stage.keyNorm().ifPresent(n -> keep(KEY, n));
    frequencies = resources.doubles(frequencies());
  }

  private void keep(int which, Norm projectionNorm) {
    projectionNorms[which] = resources.floats(projectionNorm.weight());
    projectionEpsilons[which] = projectionNorm.epsilon();
  }

  private double[] frequencies() {
    double[] values = new double[stage.rope().dimensions() / 2];
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.pow(stage.rope().base(), -2.0 * i / stage.rope().dimensions());
    }
    return values;
  }

  @Override
  public void launch(Pass pass) {
    Scratch scratch = resources.scratch();
    List<Target> targets = new ArrayList<>();
    List<Launches.Product> products = new ArrayList<>();
    for (int which = 0; which < 3; which++) {
      LoadedLinear linear = projections[which];
      Operand operand = scratch.projectionInput(which, linear.pairs(), linear.bank().inputs());
      targets.add(new Target(linear.input(), operand));
      products.add(new Launches.Product(linear, operand, scratch.projected(which)));
    }
    resources
        .entrance()
        .enter(
            pass, norm, stage.norm().epsilon(), pass.isObserved() ? scratch.normed() : 0, targets);
    resources.observe(
        pass,
        new ActivationSite.AttentionInput(stage.layer()),
        scratch.normed(),
        pass.rows,
        stage.norm().width());
    resources.launches().multiply(pass.rows, products);
    project(pass);
    attend(pass);
    join(pass);
    Operand joined = scratch.outputInput(output.pairs(), output.bank().inputs());
    resources.observe(
        pass,
        new ActivationSite.AttentionOutput(stage.layer()),
        scratch.mixed(),
        pass.rows,
        output.bank().inputs());
    resources
        .launches()
        .multiply(pass.rows, List.of(new Launches.Product(output, joined, scratch.update())));
    pass.update = scratch.update();
    pass.updateTurn = output.output();
  }

  private void project(Pass pass) {
    Scratch scratch = resources.scratch();
    Parameters parameters = new Parameters().address(scratch.rowTable());
    int widest = 0;
    for (int which = 0; which < 3; which++) {
      int width = projections[which].bank().outputs();
      widest = Math.max(widest, width);
      parameters.address(scratch.projected(which));
      projections[which]
          .output()
          .write(parameters)
          .address(projectionNorms[which])
          .real(projectionEpsilons[which])
          .integer(width);
    }
    parameters
        .address(frequencies)
        .wide(before)
        .integer(stage.headDimension())
        .integer(stage.rope().dimensions())
        .flag(stage.clip().isPresent())
        .real((float) stage.clip().orElse(0))
        .real(stage.scale())
        .integer(0);
    resources.launches().rows(Kernel.PROJECT, pass.rows, 3, widest, parameters);
  }

  private void attend(Pass pass) {
    Scratch scratch = resources.scratch();
    int d = stage.headDimension();
    Parameters parameters =
        new Parameters()
            .address(scratch.rowTable())
            .address(scratch.projected(QUERY))
            .address(resources.partials())
            .address(scratch.mixed())
            .wide(before)
            .integer(stage.heads())
            .integer(stage.keyValueHeads())
            .integer(d)
            .integer(pass.splits)
            .integer(pass.rows)
            .integer(0);
    if (pass.splits > 0) {
      int shared = Float.BYTES * (d + Pass.SPLIT);
      resources
          .launches()
          .gpu()
          .launch(
              Kernel.ATTEND_SPLIT,
              stage.heads(),
              pass.splits,
              pass.rows,
              SPLIT_THREADS,
              shared,
              parameters);
    } else {
      resources
          .launches()
          .gpu()
          .launch(
              Kernel.ATTEND_BLOCK,
              stage.heads(),
              pass.rows,
              1,
              BLOCK_THREADS,
              blockBytes(d),
              parameters);
    }
  }

  /** Shared memory of a block that attends for a block of rows. */
  static int blockBytes(int d) {
    int rows = Pass.QUERY_BLOCK;
    return Float.BYTES * ((rows + KEY_BLOCK) * (d + 1) + rows * KEY_BLOCK + rows * d + 3 * rows);
  }

  private void join(Pass pass) {
    Scratch scratch = resources.scratch();
    boolean isSplit = pass.splits > 0;
    Target target =
        new Target(output.input(), scratch.outputInput(output.pairs(), output.bank().inputs()));
    Parameters parameters =
        target
            .write(
                new Parameters()
                    .address(scratch.rowTable())
                    .address(isSplit ? resources.partials() : 0)
                    .address(isSplit && !pass.isObserved() ? 0 : scratch.mixed()))
            .integer(stage.heads())
            .integer(stage.headDimension())
            .integer(pass.splits)
            .integer(0);
    resources.launches().rows(Kernel.JOIN, pass.rows, 1, output.bank().inputs(), parameters);
  }
}
