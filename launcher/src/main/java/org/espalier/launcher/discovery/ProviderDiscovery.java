package org.espalier.launcher.discovery;

import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.backend.BackendProvider;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.TileQuantizer;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.model.Architecture;
import org.espalier.runtime.Providers;

/**
 * Finds every format, codec, architecture and backend on the module path, plugins included. The one
 * place that uses {@link ServiceLoader} for them: all others receive what it found.
 */
public final class ProviderDiscovery {
  private final ModuleLayer layer;

  /** Looks in one layer and its parents. */
  public ProviderDiscovery(ModuleLayer layer) {
    this.layer = layer;
  }

  /**
   * Finds them, each kind in the order of names.
   *
   * @param excluded names of providers ({@code "cuda"}, or {@code "backend:cuda"}) or of modules to
   *     leave out
   * @throws InvalidRequest when two of one kind have the same name, or nothing has an excluded name
   * @throws Unsupported when a provider cannot be started
   */
  public Providers find(Collection<String> excluded) {
    Search search = new Search(Set.copyOf(excluded));
    Providers providers =
        new Providers(
            search.all(ModelFormat.class, "format", ModelFormat::id),
            search.all(Codec.class, "codec", codec -> codec.id().value()),
            search.all(Architecture.class, "architecture", Architecture::id),
            search.all(BackendProvider.class, "backend", provider -> provider.id().value()));
    search.requireThatAllExclusionsMatched();
    return providers;
  }

  /**
   * Lets all backends get ready for a large model, in the calling thread. One that cannot is passed
   * over: whoever needs it will be told.
   */
  public void prepareBackends() {
    for (ServiceLoader.Provider<BackendProvider> candidate :
        ServiceLoader.load(layer, BackendProvider.class).stream().toList()) {
      candidate.get().prepare();
    }
  }

  /**
   * All searches for codes, those that are preferred first.
   *
   * @throws Unsupported when one cannot be started
   */
  public List<TileQuantizer> tileQuantizers() {
    return new Search(Set.of())
            .all(TileQuantizer.class, "tile search", tiles -> tiles.codec() + " " + tiles.name())
            .stream()
            .sorted(Comparator.comparingInt(TileQuantizer::preference).reversed())
            .toList();
  }

  /**
   * The preferred linear algebra.
   *
   * @throws Unsupported when there is none
   */
  public LinearAlgebra linearAlgebra() {
    return new Search(Set.of())
        .all(LinearAlgebra.class, "linear algebra", LinearAlgebra::name).stream()
            .max(Comparator.comparingInt(LinearAlgebra::preference))
            .orElseThrow(() -> new Unsupported("there is no linear algebra on the path"));
  }

  /**
   * Everything that is offered on the path, whether or not it can be used: formats, codecs,
   * architectures and backends, started one by one, and then services that modules of Espalier
   * define for each other, such as kernels, as their modules declare them.
   */
  public List<FoundProvider> survey() {
    return new ProviderSurvey(layer, this::jar).run();
  }

  /** Where a provider comes from, for people: its module and its jar. */
  private String origin(Class<?> provider) {
    String module = provider.getModule().getName();
    return "module " + module + " in " + jar(module);
  }

  private String jar(String module) {
    return layer
        .configuration()
        .findModule(module)
        .flatMap(resolved -> resolved.reference().location())
        .map(ProviderDiscovery::fileName)
        .orElse("an unknown place");
  }

  static String fileName(URI location) {
    return location.getScheme().equals("file")
        ? Path.of(location).getFileName().toString()
        : location.toString();
  }

  /** One look at everything, with what is to be left out. */
  private final class Search {
    private final Set<String> excluded;
    private final Set<String> unmatched;
    private final Set<String> names = new TreeSet<>();

    Search(Set<String> excluded) {
      this.excluded = excluded;
      this.unmatched = new TreeSet<>(excluded);
    }

    <S> List<S> all(Class<S> service, String kind, Function<S, String> naming) {
      Map<String, S> found = new TreeMap<>();
      for (ServiceLoader.Provider<S> candidate : candidates(service, kind)) {
        if (leftOut(candidate.type().getModule().getName())) {
          continue;
        }
        S provider = start(candidate, kind);
        String name = name(provider, kind, naming);
        names.add(kind + ":" + name);
        if (leftOut(name) | leftOut(kind + ":" + name)) {
          continue;
        }
        S other = found.putIfAbsent(name, provider);
        if (other != null) {
          throw new InvalidRequest(
              "two %ss are called '%s': one of %s and one of %s; remove one of them, or leave one out by --exclude-provider with the name of its module"
                  .formatted(kind, name, origin(other.getClass()), origin(provider.getClass())));
        }
      }
      return new ArrayList<>(found.values());
    }

    private <S> List<ServiceLoader.Provider<S>> candidates(Class<S> service, String kind) {
      try {
        return ServiceLoader.load(layer, service).stream().toList();
      } catch (ServiceConfigurationError e) {
        throw new Unsupported(
            "a module on the path offers a %s that cannot be loaded (%s)"
                .formatted(kind, e.getMessage()));
      }
    }

    private <S> S start(ServiceLoader.Provider<S> candidate, String kind) {
      try {
        return candidate.get();
      } catch (ServiceConfigurationError | LinkageError e) {
        throw broken(kind, candidate.type(), e);
      }
    }

    private <S> String name(S provider, String kind, Function<S, String> naming) {
      try {
        return naming.apply(provider);
      } catch (LinkageError e) { // built against another version of the interfaces
        throw broken(kind, provider.getClass(), e);
      }
    }

    private Unsupported broken(String kind, Class<?> type, Error error) {
      return new Unsupported(
          "the %s of %s cannot be started (%s); remove that jar, or leave it out by --exclude-provider %s"
              .formatted(kind, origin(type), error, type.getModule().getName()));
    }

    private boolean leftOut(String name) {
      unmatched.remove(name);
      return excluded.contains(name);
    }

    void requireThatAllExclusionsMatched() {
      if (!unmatched.isEmpty()) {
        throw new InvalidRequest(
            "--exclude-provider %s: there is no such provider; known are %s"
                .formatted(String.join(", ", unmatched), String.join(", ", names)));
      }
    }
  }
}
