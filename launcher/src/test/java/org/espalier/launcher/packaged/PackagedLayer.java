package org.espalier.launcher.packaged;

import java.lang.module.Configuration;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReference;
import java.nio.file.Path;
import java.util.stream.Collectors;

/** The packaged providers, in a layer of this JVM. */
final class PackagedLayer {
  private PackagedLayer() {}

  static ModuleLayer of() {
    ModuleFinder packaged = ModuleFinder.of(Path.of(System.getProperty("espalier.modules")));
    ModuleLayer boot = ModuleLayer.boot();
    Configuration configuration =
        boot.configuration()
            .resolve(
                ModuleFinder.of(),
                packaged,
                packaged.findAll().stream()
                    .map(ModuleReference::descriptor)
                    .filter(module -> !module.provides().isEmpty())
                    .map(module -> module.name())
                    .filter(name -> name.startsWith("org.espalier."))
                    .collect(Collectors.toSet()));
    return boot.defineModulesWithOneLoader(configuration, ClassLoader.getSystemClassLoader());
  }
}
