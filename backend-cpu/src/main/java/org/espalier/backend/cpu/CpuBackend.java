package org.espalier.backend.cpu;

import java.util.ArrayList;
import java.util.List;
import org.espalier.api.EspalierException;
import org.espalier.api.Offer;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.Footprint;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.Role;
import org.espalier.api.linear.Rotation;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;
import org.espalier.api.tensor.ElementType;
import org.espalier.backend.cpu.numeric.Lanes;
import org.espalier.backend.cpu.stage.BoundLinear;
import org.espalier.backend.cpu.stage.CompiledStages;
import org.espalier.backend.cpu.stage.Pass;
import org.espalier.backend.cpu.workers.WorkerPool;

/** The CPU with its worker threads. */
final class CpuBackend implements Backend {
  private final BackendId id;
  private final KernelRegistry kernels;
  private final WorkerPool workers;
  private volatile boolean closed;

  CpuBackend(BackendId id, KernelRegistry kernels, int threads) {
    this.id = id;
    this.kernels = kernels;
    this.workers = new WorkerPool(threads);
  }

  @Override
  public BackendId id() {
    return id;
  }

  @Override
  public String device() {
    return "%s, %d-bit vectors, %d thread%s"
        .formatted(
            System.getProperty("os.arch"),
            Lanes.SPECIES.vectorBitSize(),
            workers.size(),
            workers.size() == 1 ? "" : "s");
  }

  @Override
  public boolean borrowsExperts() {
    return true;
  }

  @Override
  public Footprint footprint(ModelPlan plan, CompileOptions options, SessionOptions session) {
    long copies = 0;
    long copied = 0;
    for (EncodedLinear linear : plan.linears()) {
      long copy = copyBytes(linear, options);
      copies += copy;
      copied += copy > 0 ? linear.bytes() : 0;
    }
    return new Footprint(
        mapped(plan) - copied,
        copies,
        CompiledStages.cacheBytesPerPosition(plan, session.cache()) * session.contextLength(),
        scratch(plan, options.maximumRows()));
  }

  /**
   * Only kernels for dense matrices and for blocks of rows copy any, and choosing among those costs
   * nothing.
   */
  private long copyBytes(EncodedLinear linear, CompileOptions options) {
    boolean ofRows =
        switch (linear.form()) {
          case LinearForm.Dense _ -> true;
          case LinearForm.Tiled tiled -> tiled.grid().rows() == 1; // a block of ggml's
        };
    return ofRows && linear.id().role() != Role.EMBEDDING
        ? kernels.choose(linear, options.precision()).kernel().copyBytes()
        : 0;
  }

  private static long mapped(ModelPlan plan) {
    return plan.linears().stream().mapToLong(EncodedLinear::bytes).sum();
  }

  /** An estimate: the buffers that grow with the number of rows. */
  private static long scratch(ModelPlan plan, int rows) {
    long attention = 0;
    long mixture = 0;
    for (Stage stage : plan.stages()) {
      switch (stage) {
        case Stage.Attention a -> {
          long widest = Math.max(a.query().shape().outputs(), plan.width());
          attention = Math.max(attention, rows * (4 * widest + 6L * plan.width()));
        }
        case Stage.MixtureOfExperts m -> {
          long slots = Math.max(rows, Math.min(1024, (long) rows * m.used()));
          mixture =
              Math.max(
                  mixture,
                  rows * 2L * plan.width()
                      + slots * (3L * plan.width() + 3L * m.gate().shape().outputs()));
        }
        case Stage.Embedding _ -> {
          // nothing of its own
        }
        case Stage.Head h -> mixture += h.output().shape().outputs();
      }
    }
    return Float.BYTES * ((long) rows * plan.width() + attention + mixture);
  }

  /** With one session, where the caller knows how long it will be. */
  private Footprint expected(ModelPlan plan, CompileOptions options) {
    ElementType type =
        switch (options.precision()) {
          case EXACT -> ElementType.F32;
          case FAST -> ElementType.F16;
        };
    SessionOptions session = new SessionOptions(options.contextLength().orElse(1), type);
    Footprint need = footprint(plan, options, session);
    return options.contextLength().isPresent()
        ? need
        : new Footprint(need.mapped(), need.weights(), 0, need.scratch());
  }

  private static long mebibytes(long bytes) {
    return bytes + (1 << 20) - 1 >> 20;
  }

  @Override
  public Offer<Executable> compile(ModelPlan plan, CompileOptions options) {
    if (closed) {
      return Offer.declined("the backend is closed");
    }
    if (options.memoryLimit().isPresent()) {
      long limit = options.memoryLimit().getAsLong();
      Footprint need = expected(plan, options);
      if (need.total() > limit) {
        return Offer.declined(
            "it needs %,d MiB of memory (weights %,d, working memory %,d, keys and values %,d) and the limit is %,d: raise it to that, or use a shorter context"
                .formatted(
                    mebibytes(need.total()),
                    mebibytes(need.mapped() + need.weights()),
                    mebibytes(need.scratch()),
                    mebibytes(need.cache()),
                    limit >> 20));
      }
    }
    for (Stage stage : plan.stages()) {
      if (stage instanceof Stage.Embedding(EncodedLinear table)
          && table.form() instanceof LinearForm.Tiled tiled
          && !(tiled.output() instanceof Rotation.Identity)) {
        return Offer.declined(
            "a token table whose rows are rotated (%s) cannot be read row by row"
                .formatted(table.codec()));
      }
    }
    List<KernelRegistry.Choice> choices = new ArrayList<>();
    try {
      Pass pass =
          new Pass(
              plan.width(),
              options.maximumRows(),
              workers,
              options.observer(),
              options.experts(),
              options.placement());
      CompiledStages stages =
          CompiledStages.compile(
              plan,
              pass,
              options.maximumRows(),
              linear -> {
                var choice = kernels.choose(linear, options.precision());
                choices.add(choice);
                return new BoundLinear(linear, choice.kernel());
              });
      return Offer.accepted(new CpuExecutable(this, plan, options, choices, stages, pass));
    } catch (EspalierException.Unsupported e) {
      return Offer.declined(e.getMessage());
    } catch (OutOfMemoryError | ArithmeticException e) {
      return Offer.declined(
          "working memory of about %,d MiB for %d rows does not fit the Java heap of %,d MiB"
              .formatted(
                  scratch(plan, options.maximumRows()) >> 20,
                  options.maximumRows(),
                  Runtime.getRuntime().maxMemory() >> 20));
    }
  }

  boolean isClosed() {
    return closed;
  }

  @Override
  public void close() {
    closed = true;
    workers.close();
  }
}
