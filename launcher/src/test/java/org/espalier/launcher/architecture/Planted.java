package org.espalier.launcher.architecture;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.espalier.launcher.Product;
import org.espalier.launcher.Sources;

/**
 * A class that breaks a rule, as source: what shows that the rule would notice.
 *
 * @param sources by path
 */
record Planted(Map<String, String> sources) {

  /**
   * A class {@code Violation} in a package of its own.
   *
   * @param body between its braces
   * @param others further files: path and text in turn
   */
  static Planted in(String inPackage, String body, String... others) {
    Map<String, String> sources = new LinkedHashMap<>();
    sources.put(
        inPackage.replace('.', '/') + "/Violation.java",
        "package %s; public class Violation { %s }".formatted(inPackage, body));
    for (int i = 0; i < others.length; i += 2) {
      sources.put(others[i], others[i + 1]);
    }
    return new Planted(sources);
  }

  /** Compiles it, on the class path, where modules do not forbid anything yet. */
  JavaClasses compiled(Path folder) throws IOException {
    Sources.compile(
        sources,
        folder,
        "-classpath",
        Product.path(),
        "--add-modules",
        "jdk.incubator.vector,jdk.unsupported",
        "-nowarn");
    return new ClassFileImporter().importPath(folder);
  }
}
