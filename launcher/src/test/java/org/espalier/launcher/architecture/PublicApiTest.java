package org.espalier.launcher.architecture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertLinesMatch;

import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.espalier.launcher.Product;
import org.junit.jupiter.api.Test;

/**
 * Compares what others build on with public-api.txt: all of module api, the interface for kernels,
 * and the facade for programs. A change there is a decision, so it is made by hand.
 */
public class PublicApiTest {
  @Test
  void theApiIsAsDecided() throws Exception {
    List<Class<?>> types = new ArrayList<>();
    types.addAll(types("api", name -> true));
    types.addAll(types("backend-cpu", name -> name.startsWith("org.espalier.backend.cpu.spi.")));
    types.addAll(types("launcher", name -> name.matches("org\\.espalier\\.[^.]+")));
    String api =
        types.stream()
            .map(type -> new Declaration(type).text())
            .filter(text -> !text.isEmpty())
            .collect(Collectors.joining("\n"));
    Files.writeString(Path.of("target", "public-api.txt"), api); // to be copied once decided
    assertLinesMatch(expected().lines(), api.lines()); // names the line that differs
  }

  @Test
  void aDeclarationShowsWhatOthersSee() {
    assertEquals(
        """
        org.espalier.launcher.architecture.PublicApiTest.Shape
          public sealed interface Shape<T extends Comparable<? super T>> permits Square
          default List<T> corners(int) throws IOException
          static Shape<String> of(String...)
          T name()
        """
            .lines()
            .sorted()
            .toList(),
        new Declaration(Shape.class).text().lines().sorted().toList());
    assertEquals(
        """
        org.espalier.launcher.architecture.PublicApiTest.Square
          public record Square(String name, int[] sides) implements Shape<String>
          public static final int CORNERS
          public constructor(String)
        """
            .lines()
            .sorted()
            .toList(),
        new Declaration(Square.class).text().lines().sorted().toList());
  }

  /** Something to show. */
  public sealed interface Shape<T extends Comparable<? super T>> {
    T name();

    default List<T> corners(int count) throws IOException {
      throw new IOException("none of " + count);
    }

    static Shape<String> of(String... names) {
      return new Square(names[0]);
    }
  }

  /** Another. */
  public record Square(String name, int[] sides) implements Shape<String> {
    public static final int CORNERS = 4;

    public Square(String name) {
      this(name, new int[CORNERS]);
    }

    static int hidden() {
      return 0;
    }
  }

  private static List<Class<?>> types(String module, Predicate<String> wanted) throws Exception {
    Path location = Product.locations().get(module);
    List<Class<?>> types = new ArrayList<>();
    try (ModuleReader reader = ModuleFinder.of(location).findAll().iterator().next().open()) {
      List<String> names =
          reader
              .list()
              .filter(name -> name.endsWith(".class") && !name.endsWith("-info.class"))
              .map(name -> name.substring(0, name.length() - ".class".length()).replace('/', '.'))
              .filter(wanted)
              .sorted()
              .toList();
      for (String name : names) {
        types.add(Class.forName(name, false, PublicApiTest.class.getClassLoader()));
      }
    }
    return types;
  }

  private static String expected() throws IOException {
    try (InputStream in = PublicApiTest.class.getResourceAsStream("public-api.txt")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
