package org.espalier.backend.cuda.stage;

import java.util.List;
import java.util.stream.IntStream;
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

  /** Gate, up and down. */
  private final List<LoadedLinear> banks;

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
    banks = List.copyOf(linears.subList(1, 4));
    norm = resources.floats(stage.norm().weight());
  }

  int layer() {
    return stage.layer();
  }

  int experts() {
    return stage.experts();
  }

  List<LoadedLinear> banks() {
    return banks;
  }

  @Override
  public void launch(Pass pass) {
    boolean copies = copies(pass.rows);
    launch(pass, copies ? resources.arrivals().copy(banks) : banks);
  }

  /** Not those of few rows: they are recorded, and what is recorded are launches alone. */
  private boolean copies(int rows) {
    return rows > Pass.SPLIT_ROWS && resources.arrivals().copies(banks, reads(rows));
  }

  /** How often a pass of so many rows reads an expert in place. */
  double reads(int rows) {
    return reads(stage, rows, banks.stream().allMatch(LoadedLinear::pairs));
  }

  /** As above, before anything is loaded. */
  static double reads(Stage.MixtureOfExperts stage, int rows, boolean halves) {
    double share = (double) stage.used() / stage.experts();
    return Arrivals.reads(rows, share, itemRows(stage, rows * stage.used(), halves));
  }

  private void launch(Pass pass, List<LoadedLinear> experts) {
    LoadedLinear gate = experts.get(0);
    LoadedLinear up = experts.get(1);
    LoadedLinear down = experts.get(2);
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
    Operand downInput = hidden(pass, slots, gate, up, down);
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

  private int itemRows(int slots) {
    return itemRows(stage, slots, banks.stream().allMatch(LoadedLinear::pairs));
  }

  /**
   * Most rows that go through an expert together.
   *
   * @param halves whether all of gate, up and down take halves
   */
  private static int itemRows(Stage.MixtureOfExperts stage, int slots, boolean halves) {
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
    int[] own = new int[stage.experts()];
    for (int expert = 0; expert < own.length; expert++) {
      own[expert] = start[expert + 1] - start[expert];
    }
    ExpertLoad load = new ExpertLoad();
    load.layer = stage.layer();
    load.rows = rows;
    for (int count : own) {
      load.experts += Math.min(count, 1);
      load.busiest = Math.max(load.busiest, count);
    }
    load.moved = moved(rows, own);
    load.commit();
  }

  /**
   * Bytes that a pass of so many rows brought over the link to the host's memory.
   *
   * @param own rows of each expert
   */
  long moved(int rows, int[] own) {
    int itemRows = itemRows(rows * stage.used());
    boolean copies = copies(rows);
    long bytes = 0;
    for (int expert = 0; expert < own.length; expert++) {
      int times = copies ? 1 : (own[expert] + itemRows - 1) / itemRows;
      for (LoadedLinear bank : banks) {
        bytes += bank.matrices().isOnHost(expert) ? times * bank.matrices().bytes() : 0;
      }
    }
    return bytes;
  }

  /** Experts that are in the device's own memory, or those that are not. */
  List<Integer> experts(boolean onHost) {
    return IntStream.range(0, stage.experts())
        .filter(e -> banks.stream().anyMatch(bank -> bank.matrices().isOnHost(e)) == onHost)
        .boxed()
        .toList();
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

  private Operand hidden(
      Pass pass, int slots, LoadedLinear gate, LoadedLinear up, LoadedLinear down) {
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
