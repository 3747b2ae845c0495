package org.espalier.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.OptionalLong;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.Observer;
import org.espalier.api.backend.Precision;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.tensor.ElementType;
import org.espalier.backend.cuda.emulator.Machine;
import org.espalier.testkit.fixture.PlanBuilder;
import org.espalier.testkit.fixture.PlanFixtures;
import org.espalier.testkit.reference.ReferenceBackend;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Sequences longer than a chunk of rows, a block of keys and a stretch of attention: a prompt that
 * goes in two chunks, then single tokens over many stretches.
 */
@Tag("cuda")
class LongSequenceTest {
  private static final int PROMPT = 530;
  private static final int LENGTH = 540;

  @BeforeEach
  void needsMachine() {
    Machine.need();
  }

  @Test
  void equalsReference() {
    ModelPlan plan =
        PlanBuilder.seeded(12).layers(1).heads(2, 1, 6).width(12).experts(3, 2, 5).build();
    int[] ids = PlanFixtures.prompt(plan, LENGTH).ids();
    float[][] expected;
    float[][] actual;
    try (Backend reference = ReferenceBackend.create()) {
      expected = run(reference, plan, ids);
    }
    try (Backend cuda = CudaBackends.open()) {
      actual = run(cuda, plan, ids);
    }
    for (int i = 0; i < expected.length; i++) {
      double error = SmallModels.error(expected[i], actual[i]);
      assertTrue(error <= 1e-5, "row " + i + ": relative error " + error);
    }
  }

  /** Logits of the last 20 positions of the prompt, then of each token. */
  private static float[][] run(Backend backend, ModelPlan plan, int[] ids) {
    CompileOptions options =
        new CompileOptions(Precision.EXACT, PROMPT, OptionalLong.empty(), Observer.NONE);
    float[][] rows = new float[20 + LENGTH - PROMPT][];
    try (Executable executable = backend.compile(plan, options).orElseThrow(Unsupported::new);
        Session session = executable.open(new SessionOptions(LENGTH, ElementType.F32))) {
      int[] prompt = Arrays.copyOf(ids, PROMPT);
      float[][] last = SmallModels.copy(session.forward(new Activations.Tokens(prompt), 20));
      System.arraycopy(last, 0, rows, 0, 20);
      for (int i = PROMPT; i < LENGTH; i++) {
        Activations token = new Activations.Tokens(ids[i]);
        rows[20 + i - PROMPT] = SmallModels.copy(session.forward(token, 1))[0];
      }
    }
    return rows;
  }
}
