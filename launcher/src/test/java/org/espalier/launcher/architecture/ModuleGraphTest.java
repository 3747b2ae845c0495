package org.espalier.launcher.architecture;

import static org.junit.jupiter.api.Assertions.assertLinesMatch;

import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.Set;
import java.util.StringJoiner;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.espalier.launcher.Product;
import org.junit.jupiter.api.Test;

/**
 * Compares the descriptors of all modules with module-graph.txt: who requires, exports, opens, uses
 * and provides what. A change there is a decision, so it is made by hand.
 */
class ModuleGraphTest {
  @Test
  void theGraphIsAsDecided() throws IOException {
    Path[] locations = Product.locations().values().toArray(Path[]::new);
    String graph =
        ModuleFinder.of(locations).findAll().stream()
            .map(reference -> reference.descriptor())
            .sorted(Comparator.comparing(ModuleDescriptor::name))
            .map(ModuleGraphTest::describe)
            .collect(Collectors.joining("\n"));
    Files.writeString(Path.of("target", "module-graph.txt"), graph); // to be copied once decided
    assertLinesMatch(expected().lines(), graph.lines()); // names the line that differs
  }

  private static String expected() throws IOException {
    try (InputStream in = ModuleGraphTest.class.getResourceAsStream("module-graph.txt")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private static String describe(ModuleDescriptor module) {
    StringJoiner lines = new StringJoiner("\n", module.name() + "\n", "\n");
    Set<String> statements = new TreeSet<>();
    for (ModuleDescriptor.Requires requires : module.requires()) {
      boolean mandated = requires.modifiers().contains(ModuleDescriptor.Requires.Modifier.MANDATED);
      if (!mandated) {
        String modifiers =
            requires.modifiers().stream()
                .map(modifier -> modifier.name().toLowerCase(Locale.ROOT) + " ")
                .sorted()
                .collect(Collectors.joining());
        statements.add("requires " + modifiers + requires.name());
      }
    }
    module.exports().forEach(e -> statements.add("exports " + e.source() + to(e.targets())));
    module.opens().forEach(o -> statements.add("opens " + o.source() + to(o.targets())));
    module.uses().forEach(service -> statements.add("uses " + service));
    module
        .provides()
        .forEach(provides ->
            statements.add(
                "provides " + provides.service() + " with " + sorted(provides.providers())));
    statements.forEach(statement -> lines.add("  " + statement));
    return lines.toString();
  }

  private static String to(Set<String> targets) {
    return targets.isEmpty() ? "" : " to " + sorted(targets);
  }

  private static String sorted(Collection<String> names) {
    return Stream.of(names.toArray(String[]::new)).sorted().collect(Collectors.joining(", "));
  }
}
