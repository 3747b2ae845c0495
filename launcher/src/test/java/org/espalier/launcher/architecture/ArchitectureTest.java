package org.espalier.launcher.architecture;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.Location;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.jar.JarFile;
import java.util.stream.Collectors;
import org.espalier.launcher.Product;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Holds all modules to the rules, and the rules to their purpose. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ArchitectureTest {
  private final JavaClasses product =
      new ClassFileImporter()
          .importLocations(
              Product.locations().values().stream()
                  .map(ArchitectureTest::location)
                  .collect(Collectors.toSet()));

  @Test
  void allModulesAreLookedAt() {
    for (String module : Product.MODULES) {
      String inPackage = "org.espalier." + module.replace('-', '.');
      assertTrue(
          product.stream().anyMatch(type -> type.getPackageName().startsWith(inPackage)),
          "no classes of " + module);
    }
  }

  @ParameterizedTest
  @EnumSource
  void productKeeps(Rule rule) {
    rule.rule().check(product);
  }

  @ParameterizedTest
  @EnumSource
  void plantedViolationIsNoticed(Rule rule, @TempDir Path folder) throws IOException {
    JavaClasses planted = rule.planted().compiled(folder);
    assertTrue(rule.rule().evaluate(planted).hasViolation(), rule.name());
  }

  private static Location location(Path path) {
    if (Files.isDirectory(path)) {
      return Location.of(path);
    }
    try (JarFile jar = new JarFile(path.toFile())) {
      return Location.of(jar);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
