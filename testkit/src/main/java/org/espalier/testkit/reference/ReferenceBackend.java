package org.espalier.testkit.reference;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.Offer;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.Footprint;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;

/**
 * The executable definition of every stage: double arithmetic, one thread, one obvious loop each.
 *
 * <p>Two things are rounded as the interfaces demand: rows of the residual stream to F32 after
 * every stage, so that a plan equals the chain of its slices to the bit, and keys and values to the
 * type of the cache. It computes the same at either {@link org.espalier.api.backend.Precision}.
 */
public final class ReferenceBackend implements Backend {
  private final List<ReferenceExecutable> executables = new ArrayList<>();
  private boolean closed;

  private ReferenceBackend() {}

  /** Starts one. */
  public static ReferenceBackend create() {
    return new ReferenceBackend();
  }

  @Override
  public BackendId id() {
    return ReferenceBackendProvider.ID;
  }

  @Override
  public String device() {
    return "plain Java, 1 thread";
  }

  @Override
  public boolean borrowsExperts() {
    return true;
  }

  @Override
  public Footprint footprint(ModelPlan plan, CompileOptions options, SessionOptions session) {
    return Memory.of(plan, options.maximumRows(), session.contextLength());
  }

  /**
   * Prepares a plan.
   *
   * @throws InvalidRequest when the backend is closed
   */
  @Override
  public synchronized Offer<Executable> compile(ModelPlan plan, CompileOptions options) {
    if (closed) {
      throw new InvalidRequest("the reference backend is closed: create another one");
    }
    Optional<String> disorder = disorder(plan);
    if (disorder.isPresent()) {
      return Offer.declined(disorder.get());
    }
    long needed = Memory.of(plan, options.maximumRows(), 0).total();
    if (options.memoryLimit().isPresent() && needed > options.memoryLimit().getAsLong()) {
      return Offer.declined(
          "the plan needs %d bytes without any cache but the limit is %d bytes"
              .formatted(needed, options.memoryLimit().getAsLong()));
    }
    ReferenceExecutable executable = new ReferenceExecutable(plan, options, needed);
    executables.add(executable);
    return Offer.accepted(executable);
  }

  @Override
  public synchronized void close() {
    closed = true;
    executables.forEach(ReferenceExecutable::close);
    executables.clear();
  }

  /** What is wrong with the order of the stages, if anything. */
  private static Optional<String> disorder(ModelPlan plan) {
    Set<Integer> caches = new HashSet<>();
    int last = plan.stages().size() - 1;
    for (int i = 0; i <= last; i++) {
      Stage stage = plan.stages().get(i);
      if (stage instanceof Stage.Embedding && i > 0) {
        return Optional.of("stage " + i + " is an embedding, which can only be the first stage");
      }
      if (stage instanceof Stage.Head && i < last) {
        return Optional.of("stage " + i + " is a head, which can only be the last stage");
      }
      if (stage instanceof Stage.Attention attention && !caches.add(attention.layer())) {
        return Optional.of("layer " + attention.layer() + " has two stages of attention");
      }
    }
    return Optional.empty();
  }
}
