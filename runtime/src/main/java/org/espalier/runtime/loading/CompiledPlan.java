package org.espalier.runtime.loading;

import java.util.List;
import java.util.Optional;
import org.espalier.api.backend.Accelerator;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.Executable;

/**
 * A plan, compiled by the backend that was chosen.
 *
 * @param backend its name
 * @param device the machine in words
 * @param accelerator what it computes on beside the host's processors
 * @param executable the compiled plan
 * @param declined backends that were asked before and declined, each as {@code "name: reason"}
 * @param resources executable and backends, closed together
 */
public record CompiledPlan(
    BackendId backend,
    String device,
    Optional<Accelerator> accelerator,
    Executable executable,
    List<String> declined,
    Resources resources)
    implements AutoCloseable {
  public CompiledPlan {
    declined = List.copyOf(declined);
  }

  @Override
  public void close() {
    resources.close();
  }
}
