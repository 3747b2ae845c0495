package org.espalier.runtime.loading;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.BackendProvider;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.Footprint;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.model.ModelPlan;

/**
 * Chooses a backend for a plan.
 *
 * @param providers all that there are
 * @param threads workers of the host
 * @param settings as the user gave them
 */
public record Backends(List<BackendProvider> providers, int threads, Map<String, String> settings) {
  public Backends {
    providers = List.copyOf(providers);
    settings = Map.copyOf(settings);
  }

  /** As below, saying nothing of memory. */
  public CompiledPlan compile(Optional<BackendId> named, ModelPlan plan, CompileOptions options) {
    return compile(named, plan, options, _ -> {});
  }

  /**
   * Starts a backend and compiles the plan: on the named one, or on the one of highest preference
   * that starts and compiles it. Backends that were started in vain are closed.
   *
   * @param notices told what the plan needs and what there is, before weights are copied to a
   *     device
   * @throws Unsupported when nobody compiles it, with all reasons
   */
  public CompiledPlan compile(
      Optional<BackendId> named, ModelPlan plan, CompileOptions options, Consumer<String> notices) {
    return named.isPresent()
        ? compileOn(named.get(), plan, options, notices)
        : compileOnBest(plan, options, notices);
  }

  private CompiledPlan compileOn(
      BackendId id, ModelPlan plan, CompileOptions options, Consumer<String> notices) {
    BackendProvider provider =
        find(providers, id)
            .orElseThrow(() ->
                new Unsupported("there is no backend '%s'; there are: %s".formatted(id, known())));
    return tryOn(provider, plan, options, List.of(), notices, new ArrayList<>())
        .orElseThrow(reason ->
            new Unsupported("the backend '%s' cannot run this model: %s".formatted(id, reason)));
  }

  private CompiledPlan compileOnBest(
      ModelPlan plan, CompileOptions options, Consumer<String> notices) {
    Refusals refusals = new Refusals();
    List<String> passedOver = new ArrayList<>();
    for (BackendProvider provider : byPreference()) {
      Offer<CompiledPlan> offer;
      try {
        offer = tryOn(provider, plan, options, refusals.list(), notices, passedOver);
      } catch (DeviceFailure e) {
        // A broken accelerator must not keep the others from running the model.
        offer = Offer.declined(String.valueOf(e.getMessage()));
      }
      switch (offer) {
        case Offer.Accepted<CompiledPlan>(CompiledPlan compiled) -> {
          passedOver.forEach(reason ->
              notices.accept("runs on %s, not on %s".formatted(compiled.backend(), reason)));
          return compiled;
        }
        case Offer.Declined<CompiledPlan>(String reason) -> refusals.add(provider.id(), reason);
      }
    }
    throw new Unsupported(
        "no backend can run this model (%s)".formatted(refusals.or("none is installed")));
  }

  /**
   * Tries one.
   *
   * @param passedOver receives a word if it has a device, which is there, but does not do
   */
  private Offer<CompiledPlan> tryOn(
      BackendProvider provider,
      ModelPlan plan,
      CompileOptions options,
      List<String> declined,
      Consumer<String> notices,
      List<String> passedOver) {
    try (Resources building = new Resources()) {
      BackendContext context =
          new BackendContext(providers, threads, settings, List.of(provider.id()), building);
      return switch (provider.open(context)) {
        case Offer.Declined<Backend>(String reason) -> Offer.declined(reason);
        case Offer.Accepted<Backend>(Backend backend) -> {
          building.add(backend, Backend::close);
          tellNeeds(backend, plan, options, notices);
          Offer<Executable> offer = backend.compile(plan, options);
          if (offer instanceof Offer.Declined<Executable>(String reason)
              && backend.accelerator().isPresent()) {
            passedOver.add(backend.id() + ": " + reason);
          }
          yield offer.map(executable -> {
            building.add(executable, Executable::close);
            return new CompiledPlan(
                backend.id(),
                backend.device(),
                backend.accelerator(),
                executable,
                declined,
                building.keep());
          });
        }
      };
    }
  }

  /**
   * Says what a device will need before it is filled; who reads most weights in place needs no
   * word.
   */
  private static void tellNeeds(
      Backend backend, ModelPlan plan, CompileOptions options, Consumer<String> notices) {
    int context = options.contextLength().orElse(Math.max(1, plan.contextLength()));
    Footprint need = backend.footprint(plan, options, new SessionOptions(context, options.cache()));
    if (need.weights() > need.mapped()) {
      notices.accept(
          "%s needs %,d MiB (weights %,d, keys and values of %,d positions %,d, working memory %,d) of %s"
              .formatted(
                  backend.id(),
                  mebibytes(need.weights() + need.cache() + need.scratch()),
                  mebibytes(need.weights()),
                  context,
                  mebibytes(need.cache()),
                  mebibytes(need.scratch()),
                  backend.device()));
    }
  }

  private static long mebibytes(long bytes) {
    return bytes + (1 << 20) - 1 >> 20;
  }

  /** Starts a backend only to see whether it can, and closes it: its machine in words. */
  public Offer<String> probe(BackendProvider provider) {
    try (Resources building = new Resources()) {
      return provider
          .open(new BackendContext(providers, threads, settings, List.of(provider.id()), building))
          .map(backend -> building.add(backend, Backend::close).device());
    } catch (DeviceFailure e) {
      return Offer.declined(String.valueOf(e.getMessage()));
    }
  }

  private List<BackendProvider> byPreference() {
    return providers.stream()
        .sorted(
            Comparator.comparingInt(BackendProvider::preference)
                .reversed()
                .thenComparing(provider -> provider.id().value()))
        .toList();
  }

  private String known() {
    return providers.stream()
        .map(provider -> provider.id().value())
        .sorted()
        .collect(Collectors.joining(", "));
  }

  static Optional<BackendProvider> find(List<BackendProvider> providers, BackendId id) {
    return providers.stream().filter(provider -> provider.id().equals(id)).findFirst();
  }
}
