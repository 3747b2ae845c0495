package org.espalier.testkit.contract;

import java.util.Arrays;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.espalier.api.Offer;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.HostRows;
import org.espalier.api.backend.Observer;
import org.espalier.api.backend.Precision;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.tensor.ElementType;
import org.junit.jupiter.api.Assertions;

/** Short ways to run plans. */
final class Runs {
  /** Most rows of a pass, and positions of a session, in the contracts. */
  static final int ROWS = 16;

  private Runs() {}

  static Executable compile(Backend backend, ModelPlan plan, Precision precision) {
    return compile(backend, plan, CompileOptions.of(precision, ROWS));
  }

  static Executable compile(
      Backend backend, ModelPlan plan, Precision precision, Observer observer) {
    return compile(
        backend, plan, new CompileOptions(precision, ROWS, OptionalLong.empty(), observer));
  }

  static Executable compile(Backend backend, ModelPlan plan, CompileOptions options) {
    return switch (backend.compile(plan, options)) {
      case Offer.Accepted<Executable>(Executable executable) -> executable;
      case Offer.Declined<Executable>(String reason) ->
          Assertions.fail(backend.id() + " declined the plan: " + reason);
    };
  }

  static Session open(Executable executable) {
    return executable.open(new SessionOptions(ROWS, ElementType.F32));
  }

  /** All outputs of a fresh session after one pass. */
  static float[][] whole(Executable executable, Activations input) {
    try (Session session = open(executable)) {
      return copy(session.forward(input, input.count()));
    }
  }

  /** Compiles, runs one pass and closes. */
  static float[][] whole(Backend backend, ModelPlan plan, Precision precision, Activations input) {
    try (Executable executable = compile(backend, plan, precision)) {
      return whole(executable, input);
    }
  }

  static float[][] copy(Rows rows) {
    float[][] copy = new float[rows.count()][rows.width()];
    for (int row = 0; row < copy.length; row++) {
      rows.read(row, copy[row], 0);
    }
    return copy;
  }

  static Rows rows(float[][] values, int width) {
    float[] flat = new float[values.length * width];
    for (int row = 0; row < values.length; row++) {
      System.arraycopy(values[row], 0, flat, row * width, width);
    }
    return new HostRows(flat, 0, values.length, width);
  }

  /** The ids from {@code from} (inclusive) to {@code to} (exclusive). */
  static Activations.Tokens part(Activations.Tokens tokens, int from, int to) {
    return new Activations.Tokens(Arrays.copyOfRange(tokens.ids(), from, to));
  }

  static float[][] first(float[][] rows, int count) {
    return Arrays.copyOf(rows, count);
  }

  static float[][] last(float[][] rows, int count) {
    return Arrays.copyOfRange(rows, rows.length - count, rows.length);
  }

  static float[][] joined(float[][] first, float[][] second) {
    return Stream.concat(Arrays.stream(first), Arrays.stream(second)).toArray(float[][]::new);
  }
}
