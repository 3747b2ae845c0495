package org.espalier.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
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
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.tensor.ElementType;
import org.espalier.testkit.fixture.PlanFixtures;
import org.junit.jupiter.api.Test;

/** Generating a token allocates next to nothing once everything is compiled. */
class AllocationTest {
  private static final int CONTEXT = 256;

  /**
   * Bytes per token that are forgiven: a few vectors that the compiler, depending on the order in
   * which it got to things, leaves as objects. What passes through a layer is a multiple of that.
   */
  private static final double FORGIVEN = 0;

  @Test
  void aTokenAllocatesNextToNothing() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    ModelPlan plan = PlanFixtures.mixed();
    try (Backend backend = open();
        Executable executable =
            backend
                .compile(plan, CompileOptions.of(Precision.FAST, 4))
                .orElseThrow(Unsupported::new);
        Session session = executable.open(new SessionOptions(CONTEXT, ElementType.F16))) {
      Activations.Tokens token = new Activations.Tokens(1);
      double least = Double.MAX_VALUE;
      // Until the compiler is done, vectors are objects; how long that takes is its affair.
      for (int round = 0; round < 400 && least > FORGIVEN; round++) {
        session.truncate(0);
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < CONTEXT; i++) {
          session.forward(token, 1);
        }
        long bytes = threads.getCurrentThreadAllocatedBytes() - before;
        least = Math.min(least, (double) bytes / CONTEXT);
      }
      assertTrue(least <= FORGIVEN, least + " bytes per token");
    }
  }

  /** One worker, so that everything happens on the thread whose bytes are counted. */
  private static Backend open() {
    return new CpuBackendProvider()
        .open(
            new BackendProvider.Context() {
              @Override
              public int threads() {
                return 1;
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
}
