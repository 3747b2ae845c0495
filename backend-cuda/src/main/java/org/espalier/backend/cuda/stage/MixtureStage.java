package org.espalier.backend.cuda.stage;

import java.util.List;
import java.util.stream.Stream;
import org.espalier.api.event.ExpertLoad;
import org.espalier.api.model.ActivationSite;
import org.espalier.api.model.Stage;
import org.espalier.backend.cuda.kernel.Kernel;
import org.espalier.backend.cuda.kernel.Operand;
import org.espalier.backend.cuda.kernel.Parameters;
import org.espalier.backend.cuda.kernel.Target;
import org.espalier.backend.cuda.weights.LoadedLinear;

/**
 * Experts: eight launches. Which experts the rows take is decided and sorted on the device; the
 * host never asks. The experts' outputs are left for the next stage to add.
 */
final class MixtureStage implements GpuStage {
  private final Stage.MixtureOfExperts stage;
  private final Resources resources;
  private final LoadedLinear router;
  private final LoadedLinear gate;
  private final LoadedLinear up;
  private final LoadedLinear down;
  private final long norm;
  private final int index;

  /**
   * @param index how many mixtures come before it
   */
  MixtureStage(
      Stage.MixtureOfExperts stage, Resources resources, List<LoadedLinear> linears, int index) {
    this.stage = stage;
    this.resources = resources;
    this.index = index;
    router = linears.get(0);
    gate = linears.get(1);
    up = linears.get(2);
    down = linears.get(3);
    norm = resources.floats(stage.norm().weight());
  }

  @Override
  public void launch(Pass pass) {
    Scratch scratch = resources.scratch();
    Launches launches = resources.launches();
    int slots = pass.rows * stage.used();
    Operand routerInput = scratch.routerInput(router.pairs(), router.bank().inputs());
    resources
        .entrance()
        .enter(
            pass,
            norm,
            stage.norm().epsilon(),
            scratch.normed(),
            List.of(new Target(router.input(), routerInput)));
    launches.multiply(
        pass.rows, List.of(new Launches.Product(router, routerInput, scratch.scores())));
    launches.leave(router.output(), scratch.scores(), pass.rows);
    Launches.Items items = route(pass, slots);
    resources.observeRouting(pass, stage.layer(), stage.used());

    Operand gateInput = scratch.gateInput(gate.pairs(), gate.bank().inputs());
    Operand upInput = scratch.upInput(up.pairs(), up.bank().inputs());
    Parameters parameters =
        new Parameters()
            .address(scratch.normed())
            .address(scratch.slotRow())
            .address(scratch.slotExpert());
    Target.writeAll(
        parameters,
        2,
        List.of(new Target(gate.input(), gateInput), new Target(up.input(), upInput)));
    launches.rows(Kernel.EXPERT_INPUT, slots, 2, gate.bank().inputs(), parameters);
    resources.observeExperts(
        pass,
        expert -> new ActivationSite.ExpertInput(stage.layer(), expert),
        scratch.expertStart(index),
        scratch.normed(),
        true,
        stage.used(),
        stage.experts(),
        gate.bank().inputs());
    launches.multiply(
        items,
        List.of(
            new Launches.Product(gate, gateInput, scratch.gate()),
            new Launches.Product(up, upInput, scratch.up())));
    Operand downInput = hidden(pass, slots);
    launches.multiply(items, List.of(new Launches.Product(down, downInput, scratch.down())));
    Parameters output =
        new Parameters()
            .address(scratch.down())
            .address(scratch.down())
            .address(scratch.slotExpert())
            .address(scratch.slotWeight());
    down.output().write(output);
    launches.rows(Kernel.EXPERT_OUTPUT, slots, 1, down.bank().outputs(), output);
    pass.pending = scratch.down();
    pass.pendingUsed = stage.used();
  }

  /** Most rows that go through an expert together. */
  private int itemRows(int slots) {
    boolean halves = gate.pairs() && up.pairs() && down.pairs();
    // On average so many rows come to an expert that decoding for 64 at a time is worth it.
    boolean many = halves && slots >= 2 * Launches.FEW * stage.experts();
    return many ? Launches.MANY : Launches.FEW;
  }

  /**
   * Tells Flight Recorder of the last pass, which has ended. How long it was here nobody knows, for
   * the device does not stop to tell.
   */
  void record(int rows) {
    int[] start = new int[stage.experts() + 1];
    resources.launches().gpu().download(start, resources.scratch().expertStart(index));
    int itemRows = itemRows(rows * stage.used());
    ExpertLoad load = new ExpertLoad();
    load.layer = stage.layer();
    load.rows = rows;
    for (int expert = 0; expert < stage.experts(); expert++) {
      int own = start[expert + 1] - start[expert];
      load.experts += Math.min(own, 1);
      load.busiest = Math.max(load.busiest, own);
      load.moved += (own + itemRows - 1) / itemRows * bytesOnHost(expert);
    }
    load.commit();
  }

  /** What kernels read of an expert over the link to the host's memory. */
  private long bytesOnHost(int expert) {
    return Stream.of(gate, up, down)
        .filter(linear -> linear.onHost().contains(expert))
        .map(LoadedLinear::bank)
        .mapToLong(bank -> bank.storage().matrixBytes(bank.outputs(), bank.inputs()))
        .sum();
  }

  private Launches.Items route(Pass pass, int slots) {
    Scratch scratch = resources.scratch();
    int itemRows = itemRows(slots);
    Parameters parameters =
        new Parameters()
            .address(scratch.scores())
            .address(scratch.chosen())
            .address(scratch.weights())
            .address(scratch.expertStart(index))
            .address(scratch.slotRow())
            .address(scratch.slotExpert())
            .address(scratch.slotWeight())
            .address(scratch.rowSlots())
            .address(scratch.items())
            .address(scratch.itemCount())
            .integer(pass.rows)
            .integer(stage.experts())
            .integer(stage.used())
            .flag(stage.normalised())
            .real(stage.weightScale())
            .integer(itemRows);
    int threads = Math.clamp(32L * Math.max(stage.experts(), pass.rows), 32, 1024);
    resources.launches().gpu().launch(Kernel.ROUTE, 1, 1, 1, threads, 0, parameters);
    // Every expert has at most one item that is not full.
    int most = Math.min(slots, stage.experts() + slots / itemRows);
    return new Launches.Items(scratch.items(), scratch.itemCount(), most, slots, itemRows);
  }

  private Operand hidden(Pass pass, int slots) {
    Scratch scratch = resources.scratch();
    int width = gate.bank().outputs();
    Operand downInput = scratch.downInput(down.pairs(), width);
    Parameters parameters =
        new Parameters()
            .address(scratch.gate())
            .address(scratch.up())
            .address(scratch.slotExpert())
            .address(pass.isObserved() ? scratch.hidden() : 0);
    up.output().write(gate.output().write(parameters));
    new Target(down.input(), downInput).write(parameters).integer(width).integer(0);
    resources
        .launches()
        .gpu()
        .launch(
            Kernel.EXPERT_HIDDEN,
            slots,
            1,
            1,
            Launches.rowThreads(width),
            2 * Launches.rowBytes(width),
            parameters);
    resources.observeExperts(
        pass,
        expert -> new ActivationSite.ExpertHidden(stage.layer(), expert),
        scratch.expertStart(index),
        scratch.hidden(),
        false,
        stage.used(),
        stage.experts(),
        width);
    return downInput;
  }
}
