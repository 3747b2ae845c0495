package org.espalier.runtime.loading;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.espalier.api.Offer;
import org.espalier.api.backend.Accelerator;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.BackendProvider;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.Footprint;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.model.ModelPlan;

/**
 * What a starting backend is told. Backends that it asks for are closed after it, whether or not it
 * closes them itself.
 *
 * @param opening backends that are just being started, innermost last: none can be part of itself
 * @param resources take charge of backends that are handed out
 */
record BackendContext(
    List<BackendProvider> providers,
    int threads,
    Map<String, String> settings,
    List<BackendId> opening,
    Resources resources)
    implements BackendProvider.Context {

  @Override
  public Offer<Backend> other(BackendId id) {
    if (opening.contains(id)) {
      return Offer.declined("the backend '" + id + "' cannot be part of itself");
    }
    List<BackendId> inner = Stream.concat(opening.stream(), Stream.of(id)).toList();
    return Backends.find(providers, id)
        .map(provider ->
            provider.open(new BackendContext(providers, threads, settings, inner, resources)))
        .orElseGet(() -> Offer.declined("there is no backend '" + id + "'"))
        .map(backend -> resources.add(new ClosedOnce(backend), Backend::close));
  }

  /** Lets both the one who asked and the resources close a backend. */
  private static final class ClosedOnce implements Backend {
    private final Backend backend;
    private boolean closed;

    ClosedOnce(Backend backend) {
      this.backend = backend;
    }

    @Override
    public BackendId id() {
      return backend.id();
    }

    @Override
    public String device() {
      return backend.device();
    }

    @Override
    public Optional<Accelerator> accelerator() {
      return backend.accelerator();
    }

    @Override
    public boolean borrowsExperts() {
      return backend.borrowsExperts();
    }

    @Override
    public Footprint footprint(ModelPlan plan, CompileOptions options, SessionOptions session) {
      return backend.footprint(plan, options, session);
    }

    @Override
    public Offer<Executable> compile(ModelPlan plan, CompileOptions options) {
      return backend.compile(plan, options);
    }

    @Override
    public void close() {
      if (!closed) {
        closed = true;
        backend.close();
      }
    }
  }
}
