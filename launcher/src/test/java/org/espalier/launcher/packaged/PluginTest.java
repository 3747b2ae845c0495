package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.espalier.launcher.Product;
import org.espalier.launcher.Sources;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Jars beside the product's take part in a real launch. */
class PluginTest {
  @TempDir private Path folder;

  @Test
  void aSecondProviderOfOneNameIsRefusedWithBothJars() throws Exception {
    Path plugin = backend("cpu");
    Launch launch = Launch.with(List.of(plugin), "", "completion", "-p", "Once", "-n", "1");
    assertEquals(2, launch.exitCode(), launch.err());
    assertTrue(launch.sentence().contains("plugin.jar"), launch.err());
    assertTrue(launch.sentence().contains("espalier-backend-cpu-"), launch.err());

    Launch without =
        Launch.with(
            List.of(plugin.getParent()),
            "",
            "completion",
            "-p",
            "Once",
            "-n",
            "1",
            "--exclude-provider",
            "com.example.plugin");
    assertEquals(0, without.exitCode(), without.err());
  }

  @Test
  void aPluginsRefusalIsTold() throws Exception {
    Launch launch =
        Launch.with(
            List.of(backend("abacus")), "", "completion", "-p", "Once", "--backend", "abacus");
    assertTrue(launch.exitCode() > 0);
    assertTrue(launch.sentence().contains("the beads are stuck"), launch.err());
  }

  @Test
  void aKernelThatDoesNotStartIsNamed() throws Exception {
    Path classes =
        Sources.compile(
            Map.of(
                "module-info.java",
                """
                module com.example.broken {
                  requires org.espalier.backend.cpu;
                  provides org.espalier.backend.cpu.spi.CpuKernelProvider with
                      com.example.broken.Broken;
                }
                """,
                "com/example/broken/Broken.java",
                """
                package com.example.broken;
                import org.espalier.api.Offer;
                import org.espalier.api.backend.Precision;
                import org.espalier.api.linear.EncodedLinear;
                import org.espalier.backend.cpu.spi.*;
                public final class Broken implements CpuKernelProvider {
                  public Broken() { throw new IllegalStateException("no beads"); }
                  public String name() { return "broken"; }
                  public int preference() { return 1; }
                  public Offer<CpuKernel> offer(EncodedLinear linear, Precision precision) {
                    return Offer.declined("never");
                  }
                }
                """),
            Files.createDirectories(folder.resolve("classes")),
            "-p",
            Product.path());
    Path jar = Sources.jar(classes, folder.resolve("broken.jar"));
    Launch launch = Launch.with(List.of(jar), "", "completion", "-p", "Once", "-n", "1");
    assertEquals(1, launch.exitCode(), launch.err());
    assertTrue(launch.sentence().contains("com.example.broken.Broken"), launch.err());
    assertTrue(launch.sentence().contains("no beads"), launch.err());
    Launch listed = Launch.with(List.of(jar), "", "plugins");
    assertEquals(0, listed.exitCode(), listed.err());
    assertTrue(listed.out().contains("cannot be used here: a kernel on the module path"));
  }

  @Test
  void aJarThatProvidesNothingIsListedWithTheReason() throws Exception {
    Path classes =
        Sources.compile(
            Map.of(
                "module-info.java",
                "module com.example.idle { requires org.espalier.api; }",
                "com/example/idle/Idle.java",
                "package com.example.idle; public final class Idle {}"),
            Files.createDirectories(folder.resolve("classes")),
            "-p",
            Product.path());
    Path plugins = Files.createDirectories(folder.resolve("plugins"));
    Sources.jar(classes, plugins.resolve("idle.jar"));
    Files.delete(classes.resolve("module-info.class"));
    Sources.jar(classes, plugins.resolve("nameless.jar"));
    Launch launch = Launch.with(List.of(plugins), "", "plugins");
    assertEquals(0, launch.exitCode(), launch.err());
    String why = "  cannot be used here: it provides nothing that Espalier looks for";
    assertTrue(
        launch.out().contains("  module com.example.idle in idle.jar\n" + why), launch.out());
    assertTrue(launch.out().contains("  module nameless in nameless.jar\n" + why), launch.out());
    assertFalse(Launch.of("plugins").out().contains(why));
  }

  private Path backend(String id) throws IOException {
    Path classes =
        Sources.compile(
            Map.of(
                "module-info.java",
                """
                module com.example.plugin {
                  requires org.espalier.api;
                  provides org.espalier.api.backend.BackendProvider with
                      com.example.plugin.Abacus;
                }
                """,
                "com/example/plugin/Abacus.java",
                """
                package com.example.plugin;
                import org.espalier.api.Offer;
                import org.espalier.api.backend.*;
                public final class Abacus implements BackendProvider {
                  public BackendId id() { return new BackendId("%s"); }
                  public String description() { return "beads"; }
                  public int preference() { return 1000; }
                  public Offer<Backend> open(Context context) {
                    return Offer.declined("the beads are stuck");
                  }
                }
                """
                    .formatted(id)),
            Files.createDirectories(folder.resolve("classes")),
            "-p",
            Product.path());
    return Sources.jar(
        classes, Files.createDirectories(folder.resolve("jars")).resolve("plugin.jar"));
  }
}
