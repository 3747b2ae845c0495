package org.espalier.runtime.loading;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class ResourcesTest {
  private final List<String> closed = new ArrayList<>();

  @Test
  void closesTheLastFirstAndEachOnce() {
    Resources resources = new Resources();
    assertEquals("a", resources.add("a", closed::add));
    resources.add("b", closed::add);
    resources.close();
    resources.close();
    assertEquals(List.of("b", "a"), closed);
  }

  @Test
  void whatIsKeptStaysOpen() {
    Resources kept;
    try (Resources building = new Resources()) {
      building.add("a", closed::add);
      kept = building.keep();
    }
    assertEquals(List.of(), closed);
    kept.close();
    assertEquals(List.of("a"), closed);
  }

  @Test
  void closesTheRestWhenOneFails() {
    Resources resources = new Resources();
    resources.add("a", closed::add);
    resources.add("b", this::fail);
    resources.add("c", this::fail);
    resources.add("d", closed::add);
    IllegalStateException failure = assertThrows(IllegalStateException.class, resources::close);
    assertEquals("c", failure.getMessage());
    assertEquals("b", failure.getSuppressed()[0].getMessage());
    assertEquals(List.of("d", "a"), closed);
  }

  private void fail(String name) {
    throw new IllegalStateException(name);
  }
}
