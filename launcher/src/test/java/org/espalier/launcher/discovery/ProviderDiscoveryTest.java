package org.espalier.launcher.discovery;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.module.Configuration;
import java.lang.module.ModuleFinder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.format.ModelFormat;
import org.espalier.launcher.Product;
import org.espalier.launcher.Sources;
import org.espalier.runtime.Providers;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Looks for formats in modules that are compiled here and put into layers of their own. */
class ProviderDiscoveryTest {
  @TempDir private Path folder;

  @Test
  void findsWhatModulesProvideInTheOrderOfNames() throws IOException {
    ProviderDiscovery discovery = over(format("one", "zebra", ""), format("two", "ape", ""));
    assertEquals(List.of("ape", "zebra"), names(discovery.find(List.of())));
  }

  @Test
  void leavesOutByNameByKindAndByModule() throws IOException {
    ProviderDiscovery discovery = over(format("one", "zebra", ""), format("two", "ape", ""));
    assertEquals(List.of("zebra"), names(discovery.find(List.of("ape"))));
    assertEquals(List.of("ape"), names(discovery.find(List.of("format:zebra"))));
    assertEquals(List.of("ape"), names(discovery.find(List.of("plugin.one"))));
  }

  @Test
  void refusesToLeaveOutWhatIsNotThere() throws IOException {
    ProviderDiscovery discovery = over(format("one", "zebra", ""));
    InvalidRequest failure =
        assertThrows(InvalidRequest.class, () -> discovery.find(List.of("backend:zebra")));
    assertTrue(failure.getMessage().contains("format:zebra"), failure.getMessage());
  }

  @Test
  void twoOfOneNameAreAnErrorThatNamesBoth() throws IOException {
    ProviderDiscovery discovery = over(format("one", "zebra", ""), format("two", "zebra", ""));
    String message =
        assertThrows(InvalidRequest.class, () -> discovery.find(List.of())).getMessage();
    assertTrue(message.contains("two formats are called 'zebra'"), message);
    assertTrue(message.contains("module plugin.one in one.jar"), message);
    assertTrue(message.contains("module plugin.two in two.jar"), message);
    assertEquals(List.of("zebra"), names(discovery.find(List.of("plugin.two"))));
  }

  @Test
  void aProviderThatCannotStartIsNamed() throws IOException {
    ProviderDiscovery discovery =
        over(format("bad", "zebra", "throw new IllegalStateException(\"no luck\");"));
    String message = assertThrows(Unsupported.class, () -> discovery.find(List.of())).getMessage();
    assertTrue(message.contains("module plugin.bad in bad.jar"), message);
    assertTrue(message.contains("--exclude-provider plugin.bad"), message);
    assertEquals(List.of(), names(discovery.find(List.of("plugin.bad"))));
  }

  /** Of the formats from plugins: our own may be there too. */
  private static List<String> names(Providers providers) {
    return providers.formats().stream()
        .filter(format -> format.getClass().getModule().getName().startsWith("plugin."))
        .map(ModelFormat::id)
        .toList();
  }

  private ProviderDiscovery over(Path... jars) {
    ModuleLayer boot = ModuleLayer.boot();
    ModuleFinder finder = ModuleFinder.of(jars);
    Set<String> roots =
        finder.findAll().stream()
            .map(reference -> reference.descriptor().name())
            .collect(Collectors.toSet());
    Configuration configuration = boot.configuration().resolve(finder, ModuleFinder.of(), roots);
    return new ProviderDiscovery(
        boot.defineModulesWithOneLoader(configuration, ClassLoader.getSystemClassLoader()));
  }

  /** A jar of module plugin.NAME with a format of the given id. */
  private Path format(String name, String id, String constructor) throws IOException {
    Path classes = Files.createDirectories(folder.resolve(name));
    Sources.compile(
        Map.of(
            "module-info.java",
            """
            module plugin.%1$s {
              requires org.espalier.api;
              provides org.espalier.api.format.ModelFormat with plugin.%1$s.Format;
            }
            """
                .formatted(name),
            "plugin/%s/Format.java".formatted(name),
            """
            package plugin.%s;
            import java.nio.file.Path;
            import org.espalier.api.Offer;
            import org.espalier.api.format.*;
            public final class Format implements ModelFormat {
              public Format() { %s }
              public String id() { return "%s"; }
              public Offer<ModelArtifact> open(Path path) { return Offer.declined("never"); }
            }
            """
                .formatted(name, constructor, id)),
        classes,
        "-p",
        Product.path());
    return Sources.jar(classes, folder.resolve(name + ".jar"));
  }
}
