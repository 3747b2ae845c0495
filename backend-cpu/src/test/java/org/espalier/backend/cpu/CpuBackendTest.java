package org.espalier.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Map;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.BackendProvider;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.Precision;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.tensor.ElementType;
import org.espalier.testkit.contract.BackendContract;
import org.espalier.testkit.fixture.PlanFixtures;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The CPU backend computes what the reference computes. */
class CpuBackendTest extends BackendContract {
  @Override
  protected Backend newBackend(int threads) {
    return new CpuBackendProvider()
        .open(
            new BackendProvider.Context() {
              @Override
              public int threads() {
                return threads;
              }

              @Override
              public Map<String, String> settings() {
                return Map.of();
              }

              @Override
              public Offer<Backend> other(BackendId id) {
                return Offer.declined("there is no other");
              }
            })
        .orElseThrow(Unsupported::new);
  }

  /** The contract lets a backend refuse; this one does not, and copies bit for bit. */
  @ParameterizedTest
  @EnumSource(ElementType.class)
  void copiesBeginningsOverSeveralPages(ElementType type) {
    int length = 600;
    Activations.Tokens prompt = PlanFixtures.prompt(plan(), length);
    CompileOptions options = CompileOptions.of(Precision.FAST, length);
    SessionOptions session = new SessionOptions(length, type);
    try (Backend backend = newBackend(2);
        Executable executable = backend.compile(plan(), options).orElseThrow(Unsupported::new);
        Session whole = executable.open(session);
        Session copy = executable.open(session)) {
      float[] expected = last(whole, prompt);
      assertTrue(copy.copyFrom(whole, 590));
      whole.truncate(0);
      Activations rest = new Activations.Tokens(Arrays.copyOfRange(prompt.ids(), 590, length));
      assertArrayEquals(expected, last(copy, rest));
      assertEquals(length, copy.position());
    }
  }

  private static float[] last(Session session, Activations input) {
    Rows rows = session.forward(input, 1);
    float[] values = new float[rows.width()];
    rows.read(0, values, 0);
    return values;
  }

  @Test
  void doesNotCopyFromACacheOfAnotherType() {
    CompileOptions options = CompileOptions.of(Precision.FAST, 8);
    try (Backend backend = newBackend(1);
        Executable executable = backend.compile(plan(), options).orElseThrow(Unsupported::new);
        Session floats = executable.open(new SessionOptions(8, ElementType.F32));
        Session halves = executable.open(new SessionOptions(8, ElementType.F16))) {
      floats.forward(PlanFixtures.prompt(plan(), 5), 0);
      assertFalse(halves.copyFrom(floats, 3));
      assertEquals(0, halves.position());
    }
  }
}
