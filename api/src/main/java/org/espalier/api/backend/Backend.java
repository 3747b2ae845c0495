package org.espalier.api.backend;

import java.util.Optional;
import org.espalier.api.Offer;
import org.espalier.api.model.ModelPlan;

/** A started backend. Closing it releases its threads and memory; executables end with it. */
public interface Backend extends AutoCloseable {

  /** Its name. */
  BackendId id();

  /** The machine in words, for people: {@code "AVX-512, 4 threads"}. */
  String device();

  /** What it computes on, unless that is the host's own processors alone. */
  default Optional<Accelerator> accelerator() {
    return Optional.empty();
  }

  /**
   * Whether it honours {@link CompileOptions#experts()}: a backend that does not know of lent
   * experts would take places for experts, so nobody may ask it to.
   */
  default boolean borrowsExperts() {
    return false;
  }

  /** What the plan would need here, before anything is loaded. */
  Footprint footprint(ModelPlan plan, CompileOptions options, SessionOptions session);

  /**
   * Prepares a plan, or any slice of one, for execution.
   *
   * @return declined with numbers when it does not fit, with reasons when an operator cannot run
   *     here
   */
  Offer<Executable> compile(ModelPlan plan, CompileOptions options);

  @Override
  void close();
}
