package org.espalier.api.backend;

import java.util.List;
import java.util.Optional;
import org.espalier.api.model.ModelPlan;

/**
 * A compiled plan: immutable weights, shared by all of its sessions. Forward passes of one
 * executable run one after another; concurrent callers wait.
 */
public interface Executable extends AutoCloseable {

  /** What was compiled. */
  ModelPlan plan();

  /**
   * Which kernel runs each operator, and why not another. Waits for self-tests that still run, so
   * whoever is in a hurry does not ask.
   */
  List<Binding> bindings();

  /** Begins a sequence. */
  Session open(SessionOptions options);

  /**
   * Advances several sessions in one pass, so that weights are read once for all of them. Each
   * session appears at most once; the positions of all steps together are at most {@link
   * CompileOptions#maximumRows()}.
   *
   * @return one result per step, in order
   */
  List<Rows> forward(List<Step> steps);

  /** How experts fare, where they are moved about. */
  default Optional<ExpertTraffic> traffic() {
    return Optional.empty();
  }

  /** Sentences about how it was compiled that a user should read once. */
  default List<String> notices() {
    return List.of();
  }

  @Override
  void close();
}
