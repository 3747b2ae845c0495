package org.espalier;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.launcher.discovery.ProviderDiscovery;
import org.espalier.launcher.option.PhysicalCores;
import org.espalier.runtime.Model;
import org.espalier.runtime.ModelOptions;
import org.espalier.runtime.Providers;

/**
 * Opens models for programs that embed Espalier.
 *
 * <p>Formats, codecs, architectures and backends are found among the modules of the program: put
 * the jars of Espalier, and those of plugins, on the module path.
 */
public final class Espalier {
  private Espalier() {}

  /** How a model is opened where nothing else is said: as many threads as physical cores. */
  public static ModelOptions defaults() {
    return ModelOptions.of(PhysicalCores.count());
  }

  /**
   * Opens a model with the {@linkplain #defaults() defaults}.
   *
   * @throws org.espalier.api.EspalierException when the file cannot be read or nothing here can run
   *     it, with all reasons
   */
  public static LanguageModel open(Path file) {
    return open(file, defaults());
  }

  /**
   * Opens a model.
   *
   * @throws org.espalier.api.EspalierException as {@link #open(Path)}
   */
  public static LanguageModel open(Path file, ModelOptions options) {
    ModuleLayer layer = Espalier.class.getModule().getLayer();
    if (layer == null) {
      throw new InvalidRequest(
          "Espalier is on the class path, where its formats and backends cannot be found: put its"
              + " jars on the module path and leave the program where it is, as in java -p JARS"
              + " --add-modules org.espalier.launcher -cp PROGRAM MAIN");
    }
    return open(file, options, layer);
  }

  /**
   * Opens a model with the formats, codecs, architectures and backends of a module layer and its
   * parents: for programs that load plugins while they run.
   *
   * @throws org.espalier.api.EspalierException as {@link #open(Path)}
   */
  public static LanguageModel open(Path file, ModelOptions options, ModuleLayer layer) {
    Providers providers = new ProviderDiscovery(layer).find(List.of());
    List<String> notices = Collections.synchronizedList(new ArrayList<>());
    return new LanguageModel(Model.open(file, providers, options, notices::add), notices);
  }
}
