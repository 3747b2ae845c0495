package org.espalier.backend.cuda.stage;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.ToLongFunction;
import org.espalier.api.backend.Binding;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.ExpertPlacement;
import org.espalier.api.backend.ExpertTraffic;
import org.espalier.api.backend.Observer;
import org.espalier.api.event.ExpertLoad;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;
import org.espalier.backend.cuda.driver.Gpu;
import org.espalier.backend.cuda.driver.HostBuffer;
import org.espalier.backend.cuda.driver.Recording;
import org.espalier.backend.cuda.weights.DeviceMemory;
import org.espalier.backend.cuda.weights.LoadedLinear;
import org.jspecify.annotations.Nullable;

/**
 * All stages of a plan and the memory they share. A chunk of rows is brought in, launched through
 * every stage and its results are copied back, all in the order of one stream.
 *
 * <p>Short passes are recorded once for each number of rows and of stretches of attention, and then
 * replayed: what changes from token to token is read from device memory.
 */
public final class Program {
  private final ModelPlan plan;
  private final Gpu gpu;
  private final DeviceMemory memory;
  private final Scratch scratch;
  private final Resources resources;
  private final Observer observer;
  private final ExpertPlacement placement;
  private final List<GpuStage> stages = new ArrayList<>();
  private final List<MixtureStage> mixtures = new ArrayList<>();
  private final ExpertLoad recorded = new ExpertLoad();
  private final List<Binding> bindings = new ArrayList<>();
  private final @Nullable HeadStage head;
  private final @Nullable EmbeddingTable embedding;
  private final HostBuffer staging;
  private final float[] row;
  private final Map<String, Recording> recordings = new TreeMap<>();
  private final boolean isRecording;
  private final HostBuffer starts;
  private HostBuffer results;
  private int resultRows;
  private boolean running;

  /** Rows of the chunk whose uses of experts are still to be told, or 0. */
  private int untold;

  private int splitCapacity;

  /**
   * @param placement is told which experts are used, and says which change places
   * @param load brings a linear to the device
   * @param isRecording whether short passes are recorded and replayed
   */
  public Program(
      ModelPlan plan,
      Gpu gpu,
      DeviceMemory memory,
      Scratch scratch,
      Observer observer,
      ExpertPlacement placement,
      Function<EncodedLinear, LoadedLinear> load,
      boolean isRecording) {
    this.plan = plan;
    this.gpu = gpu;
    this.memory = memory;
    this.scratch = scratch;
    this.observer = observer;
    this.placement = placement;
    this.isRecording = isRecording && observer == Observer.NONE;
    scratch.place(memory.allocate(scratch.bytes()));
    resources = new Resources(new Launches(gpu), scratch, memory, plan.width());
    HeadStage foundHead = null;
    EmbeddingTable foundTable = null;
    long before = 0;
    for (Stage stage : plan.stages()) {
      switch (stage) {
        case Stage.Embedding(EncodedLinear table) -> {
          bindings.add(new Binding(table.id(), "lookup", List.of()));
          foundTable = new EmbeddingTable(table);
        }
        case Stage.Attention a -> {
          stages.add(
              new AttentionStage(
                  a,
                  resources,
                  loadAll(load, List.of(a.query(), a.key(), a.value())),
                  loadAll(load, List.of(a.output())).getFirst(),
                  before));
          before += cacheValues(a);
        }
        case Stage.MixtureOfExperts m -> {
          MixtureStage mixture =
              new MixtureStage(m, resources, loadAll(load, m.linears()), mixtures.size());
          stages.add(mixture);
          mixtures.add(mixture);
        }
        case Stage.Head h ->
            foundHead = new HeadStage(h, resources, loadAll(load, List.of(h.output())).getFirst());
      }
    }
    head = foundHead;
    embedding = foundTable;
    boolean copies =
        scratch.rows > Pass.SPLIT_ROWS
            && mixtures.stream().anyMatch(m -> placement.isCopied(m.reads(scratch.rows)));
    resources.arrivals(
        new Arrivals(
            gpu, memory, placement, mixtures.stream().map(MixtureStage::banks).toList(), copies));
    starts = memory.allocateHost(Math.max(1, mixtures.size()) * scratch.startBytes());
    row = new float[plan.width()];
    staging =
        memory.allocateHost(
            (long) scratch.rows * (Scratch.ROW_BYTES + Integer.BYTES + 4L * plan.width()));
    resultRows = Math.min(scratch.rows, Scratch.HEAD_ROWS);
    results = memory.allocateHost((long) resultRows * plan.outputWidth() * Float.BYTES);
  }

  private List<LoadedLinear> loadAll(
      Function<EncodedLinear, LoadedLinear> load, List<EncodedLinear> linears) {
    List<LoadedLinear> loaded = linears.stream().map(load).toList();
    loaded.forEach(linear -> bindings.add(linear.binding()));
    return loaded;
  }

  private static long cacheValues(Stage.Attention attention) {
    return 2L * attention.keyValueHeads() * attention.headDimension();
  }

  /** Values of the key–value cache for one position. */
  public static long cacheValues(ModelPlan plan) {
    return plan.stages().stream()
        .mapToLong(stage -> stage instanceof Stage.Attention a ? cacheValues(a) : 0)
        .sum();
  }

  /** Bytes that stretches of attention need in a context of so many positions. */
  public static long partialBytes(ModelPlan plan, int maximumRows, int context) {
    long rows = Math.min(maximumRows, Pass.SPLIT_ROWS);
    return plan.stages().stream()
        .mapToLong(stage ->
            stage instanceof Stage.Attention a
                ? 4 * rows * a.heads() * splitCapacity(context) * (a.headDimension() + 2)
                : 0)
        .max()
        .orElse(0);
  }

  /** A power of two, so that a growing sequence needs few recordings. */
  private static int splitCapacity(int context) {
    int splits = (context + Pass.SPLIT - 1) / Pass.SPLIT;
    return splits <= 1 ? 1 : Integer.highestOneBit(splits - 1) * 2;
  }

  /**
   * Bytes that copies of experts for a pass need, before anything is loaded.
   *
   * @param pairs whether a linear takes halves
   * @param hostBytes of a linear's matrices that will be in memory of the host
   */
  public static long copyBytes(
      ModelPlan plan,
      CompileOptions options,
      Predicate<EncodedLinear> pairs,
      ToLongFunction<EncodedLinear> hostBytes) {
    List<Stage.MixtureOfExperts> layers =
        plan.stages().stream()
            .filter(Stage.MixtureOfExperts.class::isInstance)
            .map(Stage.MixtureOfExperts.class::cast)
            .toList();
    int rows = Math.min(options.maximumRows(), Scratch.CHUNK);
    return Arrivals.bytes(layers, rows, options.placement(), pairs, hostBytes);
  }

  /** Which kernel runs each operator. */
  public List<Binding> bindings() {
    return bindings;
  }

  /** Most rows of one chunk. */
  public int chunk() {
    return scratch.rows;
  }

  /** Makes room for sessions of a context. */
  public void reserve(int context) {
    if (splitCapacity(context) > splitCapacity) {
      gpu.await();
      forgetRecordings();
      if (splitCapacity > 0) {
        memory.free(resources.partials());
      }
      splitCapacity = splitCapacity(context);
      resources.partials(memory.allocate(partialBytes(plan, scratch.rows, context)));
    }
  }

  private void forgetRecordings() {
    recordings.values().forEach(gpu::free);
    recordings.clear();
  }

  /** Makes room for the results of a pass. */
  public void reserveResults(int rows) {
    await();
    if (rows > resultRows) {
      HostBuffer larger = memory.allocateHost((long) rows * plan.outputWidth() * Float.BYTES);
      memory.free(results);
      results = larger;
      resultRows = rows;
    }
  }

  /** One row of a chunk: where it belongs. */
  public record RowPlace(long cache, int position, int context, int type, boolean isWanted) {}

  /**
   * Runs a chunk. Its results follow one another in the buffer of results.
   *
   * @param firstRow its place in the pass
   * @param places of its rows; neighbours of one sequence follow one another
   * @param values gives the values of a row that enters
   * @param firstResult where in the buffer of results its rows go
   */
  public void run(int firstRow, List<RowPlace> places, RowSource values, int firstResult) {
    await();
    int rows = places.size();
    int longest = places.stream().mapToInt(RowPlace::position).max().orElse(0) + 1;
    boolean few = rows <= Pass.SPLIT_ROWS;
    int wanted = writeRows(places);
    for (int i = 0; i < rows; i++) {
      values.read(firstRow + i, row);
      MemorySegment.copy(row, 0, staging.memory(), ValueLayout.JAVA_FLOAT, valuesAt(i), row.length);
    }
    gpu.upload(scratch.rowTable(), staging, 0, (long) rows * Scratch.ROW_BYTES);
    if (wanted > 0) {
      gpu.upload(scratch.wanted(), staging, wantedAt(0), (long) wanted * Integer.BYTES);
    }
    gpu.upload(scratch.residual(0), staging, valuesAt(0), 4L * rows * plan.width());
    Pass pass = new Pass(observer, firstRow, rows, wanted, few ? splitCapacity(longest) : 0);
    running = true;
    int headRows = head == null ? 0 : head.capacity();
    if (isRecording && few && wanted <= headRows) {
      replay(pass);
    } else {
      launch(pass);
    }
    if (head == null) {
      downloadRows(pass, places, firstResult);
    } else {
      downloadLogits(head, pass, firstResult, isRecording && few && wanted <= headRows);
    }
    if (placement.learns() && !mixtures.isEmpty()) {
      gpu.download(starts, 0, scratch.expertStart(0), mixtures.size() * scratch.startBytes());
      untold = rows;
    }
    if (recorded.isEnabled()) {
      await();
      mixtures.forEach(mixture -> mixture.record(rows));
    }
  }

  /** Gives the values of a row. */
  @FunctionalInterface
  public interface RowSource {
    /** Copies row i of the pass. */
    void read(int i, float[] target);
  }

  /** The row of a token. */
  public void readToken(int token, float[] target) {
    if (embedding == null) {
      throw new IllegalStateException("a slice without token table was given tokens");
    }
    embedding.read(token, target);
  }

  private long wantedAt(int i) {
    return (long) scratch.rows * Scratch.ROW_BYTES + (long) i * Integer.BYTES;
  }

  private long valuesAt(int i) {
    return wantedAt(scratch.rows) + 4L * i * plan.width();
  }

  /** Writes the table of rows and the list of wanted ones; gives the length of the latter. */
  private int writeRows(List<RowPlace> places) {
    MemorySegment memory = staging.memory();
    int wanted = 0;
    int blockStart = 0;
    for (int i = 0; i < places.size(); i++) {
      RowPlace place = places.get(i);
      boolean begins =
          i == 0
              || i - blockStart == Pass.QUERY_BLOCK
              || place.cache() != places.get(i - 1).cache();
      blockStart = begins ? i : blockStart;
      long at = (long) i * Scratch.ROW_BYTES;
      memory.set(ValueLayout.JAVA_LONG, at, place.cache());
      memory.set(ValueLayout.JAVA_INT, at + 8, place.position());
      memory.set(ValueLayout.JAVA_INT, at + 12, place.context());
      memory.set(ValueLayout.JAVA_INT, at + 16, place.type());
      memory.set(ValueLayout.JAVA_INT, at + 20, begins ? i : -1);
      memory.set(ValueLayout.JAVA_INT, at + 24, begins ? blockRows(places, i) : 0);
      memory.set(ValueLayout.JAVA_INT, at + 28, 0);
      if (place.isWanted()) {
        memory.set(ValueLayout.JAVA_INT, wantedAt(wanted++), i);
      }
    }
    return wanted;
  }

  private static int blockRows(List<RowPlace> places, int first) {
    int end = first + 1;
    while (end < places.size()
        && end - first < Pass.QUERY_BLOCK
        && places.get(end).cache() == places.get(first).cache()) {
      end++;
    }
    return end - first;
  }

  private void launch(Pass pass) {
    for (GpuStage stage : stages) {
      stage.launch(pass);
    }
    resources.entrance().complete(pass);
  }

  /** Everything from the first stage to the head's logits, as one graph. */
  private void replay(Pass pass) {
    String key = "%d/%d/%d".formatted(pass.rows, pass.wanted, pass.splits);
    Recording recording = recordings.get(key);
    if (recording == null) {
      recording =
          gpu.record(() -> {
            launch(pass);
            if (head != null && pass.wanted > 0) {
              head.launch(pass, 0, pass.wanted);
            }
          });
      recordings.put(key, recording);
    } else {
      pass.residual = residualAfter(pass);
    }
    gpu.replay(recording);
  }

  /** Which buffer a replay leaves the residual stream in: each addition goes to the other one. */
  private int residualAfter(Pass pass) {
    return stages.size() % 2;
  }

  private void downloadLogits(HeadStage headStage, Pass pass, int firstResult, boolean done) {
    for (int first = 0; first < pass.wanted; first += headStage.capacity()) {
      int rows = Math.min(headStage.capacity(), pass.wanted - first);
      if (!done) {
        headStage.launch(pass, first, rows);
      }
      resources.observe(pass, headStage.site(), headStage.normed(), rows, plan.width());
      long rowBytes = 4L * plan.outputWidth();
      gpu.download(results, (firstResult + first) * rowBytes, scratch.logits(), rows * rowBytes);
    }
  }

  private void downloadRows(Pass pass, List<RowPlace> places, int firstResult) {
    long rowBytes = 4L * plan.width();
    int next = firstResult;
    for (int i = 0; i < places.size(); i++) {
      if (places.get(i).isWanted()) {
        gpu.download(
            results, next++ * rowBytes, scratch.residual(pass.residual) + i * rowBytes, rowBytes);
      }
    }
  }

  /** Waits for the last pass. */
  public void await() {
    if (running) {
      gpu.await();
      running = false;
      resources.arrivals().settled();
      tellUses();
    }
  }

  /** Which experts the last chunk has used. */
  private void tellUses() {
    for (int i = 0; i < mixtures.size() && untold > 0; i++) {
      MixtureStage mixture = mixtures.get(i);
      MemorySegment start = starts.memory().asSlice(i * scratch.startBytes());
      int[] rows = new int[mixture.experts()];
      for (int e = 0; e < rows.length; e++) {
        rows[e] =
            start.getAtIndex(ValueLayout.JAVA_INT, e + 1)
                - start.getAtIndex(ValueLayout.JAVA_INT, e);
      }
      placement.used(mixture.layer(), rows, mixture.moved(untold, rows));
    }
    untold = 0;
  }

  /** Lets experts change places as the placement says; between passes. */
  public void exchange() {
    await();
    for (ExpertPlacement.Exchange exchange : placement.exchanges()) {
      for (MixtureStage mixture : mixtures) {
        if (mixture.layer() == exchange.layer()) {
          resources.arrivals().exchange(mixture.banks(), exchange.arriving(), exchange.leaving());
        }
      }
    }
  }

  /** Where the experts of each layer are: for each its number, those near and those not. */
  public List<ExpertTraffic.Home> homes(String near, String far) {
    List<ExpertTraffic.Home> homes = new ArrayList<>();
    for (MixtureStage mixture : mixtures) {
      homes.add(new ExpertTraffic.Home(mixture.layer(), near, mixture.experts(false)));
      if (!mixture.experts(true).isEmpty()) {
        homes.add(new ExpertTraffic.Home(mixture.layer(), far, mixture.experts(true)));
      }
    }
    return homes;
  }

  /** Copies a row of the results, after waiting for them. */
  public void read(int i, float[] target, int offset) {
    await();
    int width = plan.outputWidth();
    MemorySegment.copy(
        results.memory(), ValueLayout.JAVA_FLOAT, 4L * i * width, target, offset, width);
  }

  /** Forgets what the driver keeps for it; the memory belongs to its owner. */
  public void close() {
    await();
    gpu.await();
    forgetRecordings();
  }
}
