package org.espalier.launcher.discovery;

import java.lang.module.ModuleDescriptor;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.espalier.api.backend.BackendProvider;
import org.espalier.api.codec.Codec;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.model.Architecture;

/** One look at everything on the path that survives whatever is broken there. */
final class ProviderSurvey {
  private static final Set<String> STARTED =
      Set.of(
          ModelFormat.class.getName(),
          Codec.class.getName(),
          Architecture.class.getName(),
          BackendProvider.class.getName());

  private final ModuleLayer layer;
  private final UnaryOperator<String> jars;
  private final List<FoundProvider> found = new ArrayList<>();

  /**
   * A survey.
   *
   * @param jars the jar of a module, by the module's name
   */
  ProviderSurvey(ModuleLayer layer, UnaryOperator<String> jars) {
    this.layer = layer;
    this.jars = jars;
  }

  List<FoundProvider> run() {
    start("format", ServiceLoader.load(layer, ModelFormat.class), ModelFormat::id, _ -> "");
    start(
        "codec",
        ServiceLoader.load(layer, Codec.class),
        codec -> codec.id().value(),
        Codec::description);
    start("architecture", ServiceLoader.load(layer, Architecture.class), Architecture::id, _ -> "");
    start(
        "backend",
        ServiceLoader.load(layer, BackendProvider.class),
        provider -> provider.id().value(),
        BackendProvider::description);
    List<FoundProvider> all = new ArrayList<>(doublesMarked());
    all.addAll(declared());
    return all;
  }

  private <S> void start(
      String kind,
      ServiceLoader<S> loader,
      Function<S, String> naming,
      Function<S, String> describing) {
    List<FoundProvider> ofKind = new ArrayList<>();
    Iterator<ServiceLoader.Provider<S>> candidates = loader.stream().iterator();
    while (true) {
      try {
        if (!candidates.hasNext()) {
          break;
        }
        ofKind.add(start(kind, candidates.next(), naming, describing));
      } catch (ServiceConfigurationError e) {
        ofKind.add(
            new FoundProvider(
                kind,
                "unknown",
                "",
                "unknown",
                "unknown",
                Optional.of("cannot be loaded: " + e.getMessage()),
                Optional.empty()));
      }
    }
    ofKind.sort(Comparator.comparing(FoundProvider::name));
    found.addAll(ofKind);
  }

  private <S> FoundProvider start(
      String kind,
      ServiceLoader.Provider<S> candidate,
      Function<S, String> naming,
      Function<S, String> describing) {
    String module = candidate.type().getModule().getName();
    try {
      S provider = candidate.get();
      return new FoundProvider(
          kind,
          naming.apply(provider),
          describing.apply(provider),
          module,
          jars.apply(module),
          Optional.empty(),
          provider instanceof BackendProvider backend ? Optional.of(backend) : Optional.empty());
    } catch (ServiceConfigurationError | LinkageError e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      return new FoundProvider(
          kind,
          candidate.type().getSimpleName(),
          "",
          module,
          jars.apply(module),
          Optional.of("it does not start (%s)".formatted(cause)),
          Optional.empty());
    }
  }

  private List<FoundProvider> doublesMarked() {
    Map<String, Integer> counts = new HashMap<>();
    found.forEach(
        provider -> counts.merge(provider.kind() + ":" + provider.name(), 1, Integer::sum));
    return found.stream()
        .map(provider ->
            counts.get(provider.kind() + ":" + provider.name()) == 1
                    || provider.problem().isPresent()
                ? provider
                : new FoundProvider(
                    provider.kind(),
                    provider.name(),
                    provider.description(),
                    provider.module(),
                    provider.jar(),
                    Optional.of("there is another %s of this name".formatted(provider.kind())),
                    provider.backend()))
        .toList();
  }

  /** Services of other Espalier modules; only those who use them can start them. */
  private List<FoundProvider> declared() {
    List<FoundProvider> declared = new ArrayList<>();
    for (Module module : layer.modules()) {
      ModuleDescriptor descriptor = module.getDescriptor();
      for (ModuleDescriptor.Provides provides : descriptor.provides()) {
        if (provides.service().startsWith("org.espalier.")
            && !STARTED.contains(provides.service())) {
          provides
              .providers()
              .forEach(type ->
                  declared.add(
                      new FoundProvider(
                          simpleName(provides.service()),
                          simpleName(type),
                          "",
                          module.getName(),
                          jars.apply(module.getName()),
                          Optional.empty(),
                          Optional.empty())));
        }
      }
    }
    declared.sort(Comparator.comparing(FoundProvider::kind).thenComparing(FoundProvider::name));
    return declared;
  }

  private static String simpleName(String type) {
    return type.substring(type.lastIndexOf('.') + 1);
  }
}
