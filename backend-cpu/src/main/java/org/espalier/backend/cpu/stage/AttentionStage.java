package org.espalier.backend.cpu.stage;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.espalier.api.model.ActivationSite;
import org.espalier.api.model.Norm;
import org.espalier.api.model.Stage;
import org.espalier.backend.cpu.numeric.Elementwise;
import org.espalier.backend.cpu.spi.KernelInput;
import org.espalier.backend.cpu.spi.Scratch;
import org.espalier.backend.cpu.workers.WorkerPool;
import org.jspecify.annotations.Nullable;

/**
 * x + W_o · attention(norm(x)), in seven phases: norm and rotation of the input; products with W_q,
 * W_k and W_v; norms, RoPE and storing of keys and values; attention; rotation of its result;
 * product with W_o; residual.
 */
final class AttentionStage implements CompiledStage {
  private static final int QUERY = 0;
  private static final int KEY = 1;
  private static final int VALUE = 2;

  private final Stage.Attention stage;
  private final int index;
  private final Pass pass;
  private final RopeTable rope;
  private final float[] norm;
  private final float @Nullable [] queryNorm;
  private final float @Nullable [] keyNorm;
  private final float queryEpsilon;
  private final float keyEpsilon;
  private final BoundLinear[] projections;
  private final BoundLinear output;
  private final ActivationSite inputSite;
  private final ActivationSite outputSite;
  private final Memory memory;

  private int blocks;

  private final WorkerPool.Task prepareInput = this::prepareInput;
  private final WorkerPool.Task project = this::project;
  private final WorkerPool.Task store = this::store;
  private final WorkerPool.Task attend = this::attend;
  private final WorkerPool.Task prepareOutput = this::prepareOutput;
  private final WorkerPool.Task multiplyOutput = this::multiplyOutput;
  private final WorkerPool.Task addOutput = this::addOutput;

  /** Buffers that the attention stages of a plan share. */
  record Memory(
      KernelInput[] inputs,
      float[][] projected,
      float[] mixed,
      KernelInput outputInput,
      float[] result,
      float[] normed,
      int[] blockStart,
      HeadAttention[] heads) {

    static Memory allocate(int rows, int width, int workers, List<AttentionShape> shapes) {
      List<BoundLinear> projections = shapes.stream().flatMap(s -> s.projections.stream()).toList();
      int widest = projections.stream().mapToInt(BoundLinear::outputs).max().orElse(0);
      KernelInput[] inputs = new KernelInput[3];
      float[][] projected = new float[3][];
      for (int i = 0; i < 3; i++) {
        inputs[i] = Buffers.input(rows, projections);
        projected[i] = new float[Math.multiplyExact(rows, widest)];
      }
      HeadAttention[] heads = new HeadAttention[workers];
      Arrays.setAll(heads, _ -> new HeadAttention());
      return new Memory(
          inputs,
          projected,
          new float[Math.multiplyExact(rows, widest)],
          Buffers.input(rows, shapes.stream().map(s -> s.output).toList()),
          new float[Math.multiplyExact(rows, width)],
          new float[Math.multiplyExact(rows, width)],
          new int[rows + 1],
          heads);
    }
  }

  /** The linears of one attention stage. */
  record AttentionShape(List<BoundLinear> projections, BoundLinear output) {}

  AttentionStage(
      Stage.Attention stage,
      int index,
      AttentionShape shape,
      Pass pass,
      RopeTable rope,
      Memory memory) {
    this.stage = stage;
    this.index = index;
    this.pass = pass;
    this.rope = rope;
    this.memory = memory;
    norm = stage.norm().weights();
    queryNorm = stage.queryNorm().map(Norm::weights).orElse(null);
    keyNorm = stage.keyNorm().map(Norm::weights).orElse(null);
    queryEpsilon = epsilon(stage.queryNorm());
    keyEpsilon = epsilon(stage.keyNorm());
    projections = shape.projections.toArray(BoundLinear[]::new);
    output = shape.output;
    inputSite = new ActivationSite.AttentionInput(stage.layer());
    outputSite = new ActivationSite.AttentionOutput(stage.layer());
  }

  private static float epsilon(Optional<Norm> norm) {
    return norm.map(Norm::epsilon).orElse(0f);
  }

  @Override
  public void run() {
    int rows = pass.rows();
    WorkerPool workers = pass.workers;
    workers.run(3 * rows, prepareInput);
    observe(inputSite, memory.normed, pass.width);
    workers.run(
        projections[QUERY].chunks() + projections[KEY].chunks() + projections[VALUE].chunks(),
        project);
    reserveRope(rows);
    workers.run(3 * rows, store);
    cutBlocks(rows);
    workers.run(blocks * stage.heads(), attend);
    observe(outputSite, memory.mixed, output.inputs());
    workers.run(rows, prepareOutput);
    workers.run(output.chunks(), multiplyOutput);
    workers.run(rows, addOutput);
  }

  private void observe(ActivationSite site, float[] values, int width) {
    if (pass.observer.wants(site)) {
      pass.observer.rows(site, values, 0, pass.rows(), width, new float[0]);
    }
  }

  private void reserveRope(int rows) {
    int last = 0;
    for (int row = 0; row < rows; row++) {
      last = Math.max(last, pass.positions[row]);
    }
    rope.reserve(last + 1);
  }

  private void prepareInput(int task, int worker) {
    int row = task / 3;
    int which = task % 3;
    int width = pass.width;
    Scratch scratch = pass.scratch(worker);
    // Three tasks would race for the row of memory.normed if each wrote there.
    float[] normed = which == QUERY ? memory.normed : pass.privateRow(worker);
    int at = which == QUERY ? row * width : 0;
    Elementwise.rmsNorm(pass.residual, row * width, norm, stage.norm().epsilon(), normed, at);
    projections[which].prepare(0, normed, at, memory.inputs[which], row, scratch);
  }

  private void project(int task, int worker) {
    int piece = task;
    int which = QUERY;
    while (piece >= projections[which].chunks()) {
      piece -= projections[which].chunks();
      which++;
    }
    BoundLinear linear = projections[which];
    linear.multiply(
        0,
        piece,
        memory.inputs[which],
        0,
        pass.rows(),
        memory.projected[which],
        0,
        linear.outputs(),
        pass.scratch(worker));
  }

  private void store(int task, int worker) {
    int row = task / 3;
    int which = task % 3;
    BoundLinear linear = projections[which];
    float[] x = memory.projected[which];
    int width = linear.outputs();
    int offset = row * width;
    int position = pass.positions[row];
    linear.finish(0, x, offset);
    if (which == QUERY && queryNorm != null) {
      Elementwise.rmsNorm(x, offset, queryNorm, queryEpsilon, x, offset);
    }
    if (which == KEY && keyNorm != null) {
      Elementwise.rmsNorm(x, offset, keyNorm, keyEpsilon, x, offset);
    }
    if (stage.clip().isPresent()) {
      Elementwise.clamp(x, offset, (float) stage.clip().getAsDouble(), width);
    }
    if (which != VALUE) {
      for (int head = 0; head < width; head += stage.headDimension()) {
        rope.turn(x, offset + head, position);
      }
    }
    switch (which) {
      case QUERY -> Elementwise.scale(x, offset, stage.scale(), width);
      case KEY -> pass.sequence(row).cache(index).putKeys(position, x, offset);
      default -> pass.sequence(row).cache(index).putValues(position, x, offset);
    }
  }

  /** Cuts the rows into blocks of neighbours that belong to one sequence. */
  private void cutBlocks(int rows) {
    blocks = 0;
    for (int row = 0; row < rows; row++) {
      boolean starts =
          row == 0
              || pass.sequences[row] != pass.sequences[row - 1]
              || row - memory.blockStart[blocks - 1] == HeadAttention.QUERY_BLOCK;
      if (starts) {
        memory.blockStart[blocks++] = row;
      }
    }
    memory.blockStart[blocks] = rows;
  }

  /** One head of one block of rows. */
  private void attend(int task, int worker) {
    int head = task % stage.heads();
    int block = task / stage.heads();
    int first = memory.blockStart[block];
    int d = stage.headDimension();
    int stride = projections[QUERY].outputs();
    memory.heads[worker].attend(
        pass.scratch(worker),
        pass.sequence(first).cache(index),
        head / (stage.heads() / stage.keyValueHeads()),
        d,
        pass.positions,
        first,
        memory.blockStart[block + 1] - first,
        memory.projected[QUERY],
        memory.mixed,
        first * stride + head * d,
        stride);
  }

  private void prepareOutput(int row, int worker) {
    output.prepare(
        0, memory.mixed, row * output.inputs(), memory.outputInput, row, pass.scratch(worker));
  }

  private void multiplyOutput(int piece, int worker) {
    output.multiply(
        0,
        piece,
        memory.outputInput,
        0,
        pass.rows(),
        memory.result,
        0,
        pass.width,
        pass.scratch(worker));
  }

  private void addOutput(int row, int worker) {
    int at = row * pass.width;
    output.finish(0, memory.result, at);
    Elementwise.addScaled(memory.result, at, 1, pass.residual, at, pass.width);
  }
}
