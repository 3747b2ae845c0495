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

  /**
   * Begins a sequence.
   *
   * @throws org.espalier.api.EspalierException.DeviceFailure when its cache does not fit, with
   *     numbers: {@link CompileOptions#memoryLimit()} counts caches too
   * @throws org.espalier.api.EspalierException.Unsupported when keys and values cannot be kept in
   *     the type that is asked for; F32 and F16 always can
   * @throws org.espalier.api.EspalierException.InvalidRequest when it is closed
   */
  Session open(SessionOptions options);

  /**
   * Advances several sessions in one pass, so that weights are read once for all of them. Each
   * session appears at most once; the positions of all steps together are at most {@link
   * CompileOptions#maximumRows()}. An observer sees one pass: rows of all steps, one step after the
   * other, at each site.
   *
   * @return one result per step, in order
   * @throws org.espalier.api.EspalierException.InvalidRequest as in {@link Session#forward}, and
   *     when a session appears twice or is another executable's; nothing has changed then
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

  /** Ends its sessions, too; closing twice does no harm. */
  @Override
  void close();
}
