package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import tools.jackson.jr.ob.JSON;

/** What a measurement printed with {@code --json}. */
record Measured(Map<String, Object> fields) {

  /** Runs a command, with {@code --json} and exact arithmetic. */
  static Measured by(String... arguments) throws Exception {
    List<String> all = new ArrayList<>(List.of(arguments));
    all.addAll(List.of("--json", "--precision", "exact"));
    Launch launch = Launch.here(all.toArray(String[]::new));
    assertEquals(0, launch.exitCode(), launch.err());
    return of(launch.out());
  }

  static Measured of(String json) throws IOException {
    Measured measured = new Measured(JSON.std.mapFrom(json));
    measured.carriesWhereItComesFrom();
    return measured;
  }

  private void carriesWhereItComesFrom() {
    for (String field :
        List.of(
            "protocol",
            "context",
            "stride",
            "tokens",
            "data",
            "data_sha256",
            "tokenizer_sha256",
            "model",
            "backend",
            "precision")) {
      assertTrue(fields.containsKey(field), field + " is missing of " + fields.keySet());
    }
    assertTrue(text("data_sha256").matches("[0-9a-f]{64}"), text("data_sha256"));
    assertTrue(text("tokenizer_sha256").matches("[0-9a-f]{64}"), text("tokenizer_sha256"));
  }

  double number(String field) {
    return ((Number) fields.get(field)).doubleValue();
  }

  String text(String field) {
    return (String) fields.get(field);
  }

  /** Objects in a list. */
  List<Map<String, Object>> objects(String field) {
    List<Map<String, Object>> objects = new ArrayList<>();
    for (Object element : (List<?>) fields.get(field)) {
      @SuppressWarnings("unchecked") // keys of JSON objects are strings
      Map<String, Object> object = (Map<String, Object>) element;
      objects.add(object);
    }
    return objects;
  }

  static double[] numbers(Object list) {
    return ((List<?>) list)
        .stream().mapToDouble(number -> ((Number) number).doubleValue()).toArray();
  }
}
