package org.espalier.launcher.discovery;

import java.io.File;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReference;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
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
    all.addAll(idle());
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

  /** Plugins that take no part: their authors may have forgotten to provide something. */
  private List<FoundProvider> idle() {
    if (layer != ModuleLayer.boot()) {
      return List.of(); // whoever made the layer knows what is in it
    }
    Set<String> required = new HashSet<>();
    for (Module module : layer.modules()) {
      module.getDescriptor().requires().forEach(requires -> required.add(requires.name()));
    }
    return plugins().findAll().stream()
        .filter(found -> !required.contains(found.descriptor().name()))
        .filter(found -> takesNoPart(found.descriptor()))
        .sorted(Comparator.comparing(found -> found.descriptor().name()))
        .map(ProviderSurvey::idle)
        .toList();
  }

  private boolean takesNoPart(ModuleDescriptor descriptor) {
    return layer.findModule(descriptor.name()).isEmpty()
        || descriptor.isAutomatic() && !providesAny(descriptor);
  }

  private static FoundProvider idle(ModuleReference found) {
    String name = found.descriptor().name();
    return new FoundProvider(
        "module",
        name,
        "",
        name,
        found.location().map(ProviderDiscovery::fileName).orElse("an unknown place"),
        Optional.of(
            "it provides nothing that Espalier looks for, and no other module requires it; its"
                + " module-info.java should say 'provides … with …'"),
        Optional.empty());
  }

  private static boolean providesAny(ModuleDescriptor descriptor) {
    return descriptor.provides().stream()
        .anyMatch(provides -> provides.service().startsWith("org.espalier."));
  }

  /** The part of the module path beside the program's own. */
  private ModuleFinder plugins() {
    String own = ProviderSurvey.class.getModule().getName();
    return ModuleFinder.of(
        Arrays.stream(System.getProperty("jdk.module.path", "").split(File.pathSeparator))
            .filter(entry -> !entry.isEmpty())
            .map(Path::of)
            .filter(entry -> ModuleFinder.of(entry).find(own).isEmpty())
            .toArray(Path[]::new));
  }

  private static String simpleName(String type) {
    return type.substring(type.lastIndexOf('.') + 1);
  }
}
