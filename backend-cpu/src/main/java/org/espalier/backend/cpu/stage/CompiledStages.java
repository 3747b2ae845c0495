package org.espalier.backend.cpu.stage;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.espalier.api.backend.CacheTypes;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Rope;
import org.espalier.api.model.Stage;
import org.jspecify.annotations.Nullable;

/** All stages of a plan, ready to run. */
public final class CompiledStages {
  private final ModelPlan plan;
  private final List<CompiledStage> stages;
  private final @Nullable HeadStage head;
  private final Pass pass;

  private CompiledStages(
      ModelPlan plan, List<CompiledStage> stages, @Nullable HeadStage head, Pass pass) {
    this.plan = plan;
    this.stages = stages;
    this.head = head;
    this.pass = pass;
  }

  /**
   * Binds kernels and allocates buffers.
   *
   * @param pass whose rows the stages will move
   * @param maximumRows of a pass
   * @param bind gives each linear its kernel
   */
  public static CompiledStages compile(
      ModelPlan plan, Pass pass, int maximumRows, Function<EncodedLinear, BoundLinear> bind) {
    Map<Stage, AttentionStage.AttentionShape> attentions = new IdentityHashMap<>();
    Map<Stage, MixtureOfExpertsStage.Linears> mixtures = new IdentityHashMap<>();
    List<AttentionStage.AttentionShape> attentionShapes = new ArrayList<>();
    List<Stage.MixtureOfExperts> mixtureStages = new ArrayList<>();
    List<MixtureOfExpertsStage.Linears> mixtureLinears = new ArrayList<>();
    for (Stage stage : plan.stages()) {
      switch (stage) {
        case Stage.Attention a -> {
          var shape =
              new AttentionStage.AttentionShape(
                  List.of(bind.apply(a.query()), bind.apply(a.key()), bind.apply(a.value())),
                  bind.apply(a.output()));
          attentions.put(stage, shape);
          attentionShapes.add(shape);
        }
        case Stage.MixtureOfExperts m -> {
          var linears =
              new MixtureOfExpertsStage.Linears(
                  bind.apply(m.router()),
                  bind.apply(m.gate()),
                  bind.apply(m.up()),
                  bind.apply(m.down()));
          mixtures.put(stage, linears);
          mixtureStages.add(m);
          mixtureLinears.add(linears);
        }
        case Stage.Embedding _, Stage.Head _ -> {
          // no buffers to share
        }
      }
    }
    var attentionMemory =
        AttentionStage.Memory.allocate(
            maximumRows, plan.width(), pass.workers.size(), attentionShapes);
    var mixtureMemory =
        MixtureOfExpertsStage.Memory.allocate(
            maximumRows, plan.width(), mixtureStages, mixtureLinears);
    Map<Rope, RopeTable> ropes = new HashMap<>();
    List<CompiledStage> compiled = new ArrayList<>();
    HeadStage head = null;
    for (int i = 0; i < plan.stages().size(); i++) {
      Stage stage = plan.stages().get(i);
      compiled.add(
          switch (stage) {
            case Stage.Embedding(EncodedLinear table) -> new EmbeddingStage(table, pass);
            case Stage.Attention a ->
                new AttentionStage(
                    a,
                    i,
                    attentions.get(stage),
                    pass,
                    ropes.computeIfAbsent(a.rope(), RopeTable::new),
                    attentionMemory);
            case Stage.MixtureOfExperts m ->
                new MixtureOfExpertsStage(m, mixtures.get(stage), pass, mixtureMemory);
            case Stage.Head h -> head = new HeadStage(h, bind.apply(h.output()), pass);
          });
    }
    return new CompiledStages(plan, List.copyOf(compiled), head, pass);
  }

  /** Runs all stages over the rows of the pass. */
  public void run() {
    if (pass.observer.wantsTimes()) {
      runTimed();
      return;
    }
    // No iterator: where the compiler sees several kinds of them, it is an object.
    for (int i = 0; i < stages.size(); i++) {
      stages.get(i).run();
    }
  }

  private void runTimed() {
    for (int i = 0; i < stages.size(); i++) {
      long start = System.nanoTime();
      stages.get(i).run();
      pass.observer.ran(plan.stages().get(i), pass.rows(), System.nanoTime() - start);
    }
  }

  /**
   * Copies an output row of the last run.
   *
   * @param i counts the wanted rows
   */
  public void read(int i, float[] target, int offset) {
    int width = plan.outputWidth();
    if (head != null) {
      System.arraycopy(head.logits(), i * width, target, offset, width);
    } else {
      System.arraycopy(pass.residual(), pass.wantedRow(i) * width, target, offset, width);
    }
  }

  /** A cache for each attention stage, at the stage's index. */
  @Nullable KeyValueCache[] newCaches(CacheTypes types) {
    KeyValueCache[] caches = new KeyValueCache[plan.stages().size()];
    for (int i = 0; i < caches.length; i++) {
      if (plan.stages().get(i) instanceof Stage.Attention a) {
        caches[i] = new KeyValueCache(a.keyValueHeads(), a.headDimension(), types);
      }
    }
    return caches;
  }

  /** Bytes of key–value cache for one position of one session. */
  public static long cacheBytesPerPosition(ModelPlan plan, CacheTypes types) {
    long bytes = 0;
    for (Stage stage : plan.stages()) {
      if (stage instanceof Stage.Attention a) {
        bytes += KeyValueCache.bytesPerPosition(a.keyValueHeads(), a.headDimension(), types);
      }
    }
    return bytes;
  }
}
