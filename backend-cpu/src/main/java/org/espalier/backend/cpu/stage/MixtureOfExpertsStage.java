package org.espalier.backend.cpu.stage;

import java.util.List;
import java.util.stream.IntStream;
import org.espalier.api.backend.ExpertStore;
import org.espalier.api.backend.HostRows;
import org.espalier.api.backend.Observer;
import org.espalier.api.event.ExpertLoad;
import org.espalier.api.model.ActivationSite;
import org.espalier.api.model.Stage;
import org.espalier.backend.cpu.numeric.Elementwise;
import org.espalier.backend.cpu.spi.KernelInput;
import org.espalier.backend.cpu.spi.Scratch;
import org.espalier.backend.cpu.workers.WorkerPool;

/**
 * x + Σ p_e · expert_e(norm(x)). The pairs of row and chosen expert ("slots") are sorted by expert,
 * so that each expert's weights are decoded once for all of its rows. Long passes go through the
 * experts in groups, which bounds the working memory.
 *
 * <p>Experts that are lent are computed in the order in which they come; their shares are added in
 * the order of experts all the same, so lending changes no bit.
 */
final class MixtureOfExpertsStage implements CompiledStage {
  private final Stage.MixtureOfExperts stage;
  private final Pass pass;
  private final Linears linears;
  private final Memory memory;
  private final float[] norm;
  private final int experts;
  private final int used;
  private final int hidden;

  /** Kept to be asked whether someone records. */
  private final ExpertLoad recorded = new ExpertLoad();

  private long moved;

  /** Spares an object for every site where nobody looks. */
  private final boolean isObserved;

  private int groupStart;
  private int groupEnd;
  private int groupExperts;

  /** What is computed together: experts of the group that are there, and where they are. */
  private int batchExperts;

  private int batchSlots;

  private final WorkerPool.Task route = this::route;
  private final WorkerPool.Task prepareInput = this::prepareInput;
  private final WorkerPool.Task multiplyInput = this::multiplyInput;
  private final WorkerPool.Task activate = this::activate;
  private final WorkerPool.Task multiplyDown = this::multiplyDown;
  private final WorkerPool.Task finishDown = this::finishDown;
  private final WorkerPool.Task add = this::add;

  /** The linears of one stage. */
  record Linears(BoundLinear router, BoundLinear gate, BoundLinear up, BoundLinear down) {}

  /** Buffers that the stages of a plan share. */
  record Memory(
      int capacity,
      float[] normed,
      KernelInput routerInput,
      float[] scores,
      int[] chosen,
      float[] weights,
      int[] expertStart,
      int[] slotRow,
      float[] slotWeight,
      int[] rowSlots,
      int[] rowFilled,
      int[] activeExperts,
      int[] arrived,
      int[] places,
      int[] batchExpert,
      int[] batchSlot,
      int[] slotPlace,
      KernelInput gateInput,
      KernelInput upInput,
      float[] gateOutput,
      float[] upOutput,
      KernelInput downInput,
      float[] downOutput) {

    /** Slots of one group: enough for any single expert, and for whole short passes. */
    static int capacity(int rows, int used) {
      return Math.max(rows, Math.min(1024, Math.multiplyExact(rows, used)));
    }

    static Memory allocate(
        int rows, int width, List<Stage.MixtureOfExperts> stages, List<Linears> linears) {
      int used = stages.stream().mapToInt(Stage.MixtureOfExperts::used).max().orElse(1);
      int experts = stages.stream().mapToInt(Stage.MixtureOfExperts::experts).max().orElse(1);
      int hidden = linears.stream().mapToInt(l -> l.gate.outputs()).max().orElse(0);
      int slots = Math.multiplyExact(rows, used);
      int capacity = capacity(rows, used);
      return new Memory(
          capacity,
          new float[Math.multiplyExact(rows, width)],
          Buffers.input(rows, linears.stream().map(Linears::router).toList()),
          new float[Math.multiplyExact(rows, experts)],
          new int[slots],
          new float[slots],
          new int[experts + 1],
          new int[slots],
          new float[slots],
          new int[slots],
          new int[rows],
          new int[experts],
          new int[experts],
          new int[experts],
          new int[experts],
          new int[capacity],
          new int[capacity],
          Buffers.input(capacity, linears.stream().map(Linears::gate).toList()),
          Buffers.input(capacity, linears.stream().map(Linears::up).toList()),
          new float[Math.multiplyExact(capacity, hidden)],
          new float[Math.multiplyExact(capacity, hidden)],
          Buffers.input(capacity, linears.stream().map(Linears::down).toList()),
          new float[Math.multiplyExact(capacity, width)]);
    }
  }

  MixtureOfExpertsStage(Stage.MixtureOfExperts stage, Linears linears, Pass pass, Memory memory) {
    this.stage = stage;
    this.linears = linears;
    this.pass = pass;
    this.memory = memory;
    norm = stage.norm().weights();
    experts = stage.experts();
    used = stage.used();
    hidden = linears.gate.outputs();
    isObserved = pass.observer != Observer.NONE;
  }

  @Override
  public void run() {
    int rows = pass.rows();
    WorkerPool workers = pass.workers;
    workers.run(rows, route);
    if (pass.observer.wantsRouting()) {
      reportRouting(rows);
    }
    sortByExpert(rows);
    if (pass.placement.learns()) {
      int[] start = memory.expertStart;
      pass.placement.used(
          stage.layer(),
          IntStream.range(0, experts).map(e -> start[e + 1] - start[e]).toArray(),
          0);
    }
    if (recorded.isEnabled()) {
      ExpertLoad load = new ExpertLoad();
      load.begin();
      moved = 0;
      runExperts(rows);
      record(load, rows);
    } else {
      runExperts(rows);
    }
  }

  private void record(ExpertLoad load, int rows) {
    load.end();
    load.layer = stage.layer();
    load.rows = rows;
    load.moved = moved;
    for (int expert = 0; expert < experts; expert++) {
      int own = memory.expertStart[expert + 1] - memory.expertStart[expert];
      load.experts += Math.min(own, 1);
      load.busiest = Math.max(load.busiest, own);
    }
    load.commit();
  }

  private void runExperts(int rows) {
    WorkerPool workers = pass.workers;
    int expert = 0;
    while (expert < experts) {
      expert = takeGroup(expert);
      if (groupEnd == groupStart) {
        continue;
      }
      if (isObserved) {
        observeInputs();
      }
      if (pass.experts.lends(stage.layer())) {
        computeBorrowed(rows);
      } else {
        computeAll();
      }
      if (isObserved) {
        observeHidden();
      }
      workers.run(rows, add);
    }
  }

  /** The whole group at once: expert e is at place e. */
  private void computeAll() {
    for (int i = 0; i < groupExperts; i++) {
      memory.arrived[i] = i;
      memory.places[i] = memory.activeExperts[i];
    }
    compute(groupExperts);
  }

  /** The group as its experts come. */
  private void computeBorrowed(int rows) {
    HostRows residual = new HostRows(pass.residual, 0, rows, pass.width);
    try (ExpertStore.Loan loan =
        pass.experts.borrow(stage.layer(), memory.activeExperts, groupExperts, residual)) {
      int count = loan.await(memory.arrived, memory.places);
      while (count > 0) {
        compute(count);
        count = loan.await(memory.arrived, memory.places);
      }
      moved += loan.moved();
    }
  }

  /** Computes those of the group that {@code arrived}. */
  private void compute(int count) {
    batchExperts = count;
    batchSlots = 0;
    for (int i = 0; i < count; i++) {
      int expert = memory.activeExperts[memory.arrived[i]];
      memory.batchExpert[i] = expert;
      for (int slot = memory.expertStart[expert]; slot < memory.expertStart[expert + 1]; slot++) {
        memory.batchSlot[batchSlots++] = slot;
        memory.slotPlace[slot - groupStart] = memory.places[i];
      }
    }
    WorkerPool workers = pass.workers;
    workers.run(2 * batchSlots, prepareInput);
    workers.run(batchExperts * (linears.gate.chunks() + linears.up.chunks()), multiplyInput);
    workers.run(batchSlots, activate);
    workers.run(batchExperts * linears.down.chunks(), multiplyDown);
    workers.run(batchSlots, finishDown);
  }

  /** Norm, scores, softmax over all experts, and the best of them. */
  private void route(int row, int worker) {
    int width = pass.width;
    Scratch scratch = pass.scratch(worker);
    Elementwise.rmsNorm(
        pass.residual, row * width, norm, stage.norm().epsilon(), memory.normed, row * width);
    linears.router.prepare(0, memory.normed, row * width, memory.routerInput, row, scratch);
    float[] scores = memory.scores;
    int at = row * experts;
    for (int piece = 0; piece < linears.router.chunks(); piece++) {
      linears.router.multiply(0, piece, memory.routerInput, row, 1, scores, at, experts, scratch);
    }
    linears.router.finish(0, scores, at);
    float maximum = Elementwise.maximum(scores, at, experts);
    double sum = 0;
    for (int e = 0; e < experts; e++) {
      double p = Math.exp(scores[at + e] - maximum);
      scores[at + e] = (float) p;
      sum += p;
    }
    float chosenSum = 0;
    for (int k = 0; k < used; k++) {
      int best = -1;
      for (int e = 0; e < experts; e++) {
        // Chosen experts are marked by −1. The first expert that is left stands until a larger p
        // comes, so of equal ones the lower index wins, and NaN cannot leave a gap.
        if (scores[at + e] != -1 && (best < 0 || scores[at + e] > scores[at + best])) {
          best = e;
        }
      }
      float p = (float) (scores[at + best] / sum);
      memory.chosen[row * used + k] = best;
      memory.weights[row * used + k] = p;
      chosenSum += p;
      scores[at + best] = -1;
    }
    for (int k = row * used; k < (row + 1) * used; k++) {
      memory.weights[k] *=
          stage.normalised() ? stage.weightScale() / chosenSum : stage.weightScale();
    }
  }

  private void reportRouting(int rows) {
    int[] chosen = new int[used];
    float[] weights = new float[used];
    for (int row = 0; row < rows; row++) {
      System.arraycopy(memory.chosen, row * used, chosen, 0, used);
      System.arraycopy(memory.weights, row * used, weights, 0, used);
      pass.observer.routed(stage.layer(), row, chosen, weights);
    }
  }

  /** A counting sort: slots by expert, within an expert by row. */
  private void sortByExpert(int rows) {
    int[] start = memory.expertStart;
    java.util.Arrays.fill(start, 0);
    int slots = rows * used;
    for (int i = 0; i < slots; i++) {
      start[memory.chosen[i] + 1]++;
    }
    for (int e = 0; e < experts; e++) {
      start[e + 1] += start[e];
    }
    for (int row = 0; row < rows; row++) {
      memory.rowFilled[row] = 0;
      for (int k = row * used; k < (row + 1) * used; k++) {
        int slot = start[memory.chosen[k]]++;
        memory.slotRow[slot] = row;
        memory.slotWeight[slot] = memory.weights[k];
      }
    }
    // Filling moved each start to the next expert's.
    for (int e = experts; e > 0; e--) {
      start[e] = start[e - 1];
    }
    start[0] = 0;
    for (int slot = 0; slot < slots; slot++) {
      int row = memory.slotRow[slot];
      memory.rowSlots[row * used + memory.rowFilled[row]++] = slot;
    }
  }

  /** Takes as many experts as fit from {@code first} on; gives the first that is left. */
  private int takeGroup(int first) {
    int[] start = memory.expertStart;
    groupStart = start[first];
    groupExperts = 0;
    int expert = first;
    while (expert < experts && start[expert + 1] - groupStart <= memory.capacity) {
      if (start[expert + 1] > start[expert]) {
        memory.activeExperts[groupExperts++] = expert;
      }
      expert++;
    }
    groupEnd = start[expert];
    return expert;
  }

  private void prepareInput(int task, int worker) {
    int slot = memory.batchSlot[task / 2];
    int i = slot - groupStart;
    boolean isGate = task % 2 == 0;
    (isGate ? linears.gate : linears.up)
        .prepare(
            memory.slotPlace[i],
            memory.normed,
            memory.slotRow[slot] * pass.width,
            isGate ? memory.gateInput : memory.upInput,
            i,
            pass.scratch(worker));
  }

  private void multiplyInput(int task, int worker) {
    int perExpert = linears.gate.chunks() + linears.up.chunks();
    int expert = memory.batchExpert[task / perExpert];
    int piece = task % perExpert;
    boolean isGate = piece < linears.gate.chunks();
    int first = memory.expertStart[expert] - groupStart;
    (isGate ? linears.gate : linears.up)
        .multiply(
            memory.places[task / perExpert],
            isGate ? piece : piece - linears.gate.chunks(),
            isGate ? memory.gateInput : memory.upInput,
            first,
            memory.expertStart[expert + 1] - memory.expertStart[expert],
            isGate ? memory.gateOutput : memory.upOutput,
            first * hidden,
            hidden,
            pass.scratch(worker));
  }

  private void activate(int task, int worker) {
    int i = memory.batchSlot[task] - groupStart;
    int place = memory.slotPlace[i];
    int at = i * hidden;
    linears.gate.finish(place, memory.gateOutput, at);
    linears.up.finish(place, memory.upOutput, at);
    Scratch scratch = pass.scratch(worker);
    float[] work = scratch.floats(hidden);
    Elementwise.siluTimes(memory.gateOutput, at, memory.upOutput, at, hidden, work);
    linears.down.prepare(place, memory.gateOutput, at, memory.downInput, i, scratch);
  }

  private void multiplyDown(int task, int worker) {
    int chunks = linears.down.chunks();
    int expert = memory.batchExpert[task / chunks];
    int first = memory.expertStart[expert] - groupStart;
    linears.down.multiply(
        memory.places[task / chunks],
        task % chunks,
        memory.downInput,
        first,
        memory.expertStart[expert + 1] - memory.expertStart[expert],
        memory.downOutput,
        first * pass.width,
        pass.width,
        pass.scratch(worker));
  }

  private void finishDown(int task, int worker) {
    int i = memory.batchSlot[task] - groupStart;
    linears.down.finish(memory.slotPlace[i], memory.downOutput, i * pass.width);
  }

  /** Adds a row's experts of this group, in order of expert. */
  private void add(int row, int worker) {
    for (int k = row * used; k < (row + 1) * used; k++) {
      int slot = memory.rowSlots[k];
      if (slot >= groupStart && slot < groupEnd) {
        Elementwise.addScaled(
            memory.downOutput,
            (slot - groupStart) * pass.width,
            memory.slotWeight[slot],
            pass.residual,
            row * pass.width,
            pass.width);
      }
    }
  }

  private void observeInputs() {
    for (int g = 0; g < groupExperts; g++) {
      int expert = memory.activeExperts[g];
      ActivationSite site = new ActivationSite.ExpertInput(stage.layer(), expert);
      if (pass.observer.wants(site)) {
        int from = memory.expertStart[expert];
        int count = memory.expertStart[expert + 1] - from;
        float[] values = new float[count * pass.width];
        for (int i = 0; i < count; i++) {
          System.arraycopy(
              memory.normed,
              memory.slotRow[from + i] * pass.width,
              values,
              i * pass.width,
              pass.width);
        }
        report(site, values, 0, count, pass.width, from);
      }
    }
  }

  private void observeHidden() {
    for (int g = 0; g < groupExperts; g++) {
      int expert = memory.activeExperts[g];
      ActivationSite site = new ActivationSite.ExpertHidden(stage.layer(), expert);
      if (pass.observer.wants(site)) {
        int from = memory.expertStart[expert];
        int count = memory.expertStart[expert + 1] - from;
        report(site, memory.gateOutput, (from - groupStart) * hidden, count, hidden, from);
      }
    }
  }

  private void report(
      ActivationSite site, float[] values, int offset, int count, int width, int firstSlot) {
    Observer observer = pass.observer;
    float[] gates = new float[count];
    System.arraycopy(memory.slotWeight, firstSlot, gates, 0, count);
    observer.rows(site, values, offset, count, width, gates);
  }
}
