package org.espalier.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Map;
import java.util.stream.LongStream;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.BackendProvider;
import org.espalier.api.backend.CacheType;
import org.espalier.api.backend.CacheTypes;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.Precision;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.model.ModelPlan;
import org.espalier.testkit.fixture.PlanFixtures;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Generating a token allocates nothing, on any thread, once everything is compiled. */
class AllocationTest {
  private static final int CONTEXT = 256;

  /** Until the compiler is done, vectors are objects; how long that takes is its affair. */
  private static final int MOST_ROUNDS = 400;

  private final ThreadMXBean counter = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  @ParameterizedTest
  @CsvSource({"FAST, F16, 1", "FAST, F16, 3", "FAST, Q8_0, 2", "EXACT, F32, 1"})
  void tokensAllocateNothing(Precision precision, CacheType cache, int threads) {
    ModelPlan plan = PlanFixtures.mixed();
    try (Backend backend = open(threads);
        Executable executable =
            backend.compile(plan, CompileOptions.of(precision, 4)).orElseThrow(Unsupported::new);
        Session session = executable.open(new SessionOptions(CONTEXT, CacheTypes.both(cache)))) {
      long[] ids = threads();
      Activations.Tokens token = new Activations.Tokens(1);
      long least = Long.MAX_VALUE;
      for (int round = 0; round < MOST_ROUNDS && least > 0; round++) {
        session.truncate(0);
        // Counting allocates, too: as much as a count of nothing.
        long counting = allocated(ids);
        long before = allocated(ids);
        counting = before - counting;
        for (int i = 0; i < CONTEXT; i++) {
          session.forward(token, 1);
        }
        least = Math.min(least, allocated(ids) - before - counting);
      }
      assertEquals(0, least, "bytes of " + CONTEXT + " tokens");
    }
  }

  /** This thread and the workers. */
  private static long[] threads() {
    return LongStream.concat(
            LongStream.of(Thread.currentThread().threadId()),
            Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith("espalier-cpu-"))
                .mapToLong(Thread::threadId))
        .toArray();
  }

  private long allocated(long[] ids) {
    long sum = 0;
    for (long bytes : counter.getThreadAllocatedBytes(ids)) {
      sum += bytes;
    }
    return sum;
  }

  private static Backend open(int threads) {
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
}
