package org.espalier.runtime.quantisation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.espalier.api.EspalierException.InvalidRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WorkerThreadsTest {

  @ParameterizedTest
  @CsvSource({"1,10", "2,1", "3,0", "4,1000", "8,3"})
  void runsEveryPieceOnce(int threads, int count) {
    AtomicIntegerArray runs = new AtomicIntegerArray(count);
    try (WorkerThreads workers = new WorkerThreads(threads)) {
      workers.run(count, runs::incrementAndGet);
    }
    for (int i = 0; i < count; i++) {
      assertEquals(1, runs.get(i));
    }
  }

  @Test
  void piecesMayRunPieces() {
    AtomicIntegerArray runs = new AtomicIntegerArray(64);
    try (WorkerThreads workers = new WorkerThreads(3)) {
      workers.run(8, i -> workers.run(8, j -> runs.incrementAndGet(i * 8 + j)));
    }
    for (int i = 0; i < 64; i++) {
      assertEquals(1, runs.get(i));
    }
  }

  @Test
  void piecesRunAtTheSameTime() {
    CountDownLatch all = new CountDownLatch(3);
    try (WorkerThreads workers = new WorkerThreads(3)) {
      workers.run(
          3,
          piece -> {
            all.countDown();
            try {
              assertTrue(all.await(20, TimeUnit.SECONDS));
            } catch (InterruptedException e) {
              throw new IllegalStateException(e);
            }
          });
    }
  }

  /** While all helpers are busy, calls for their help would keep the work of others in memory. */
  @Test
  void nothingWaitsForHelpersWhenItIsDone() {
    CountDownLatch over = new CountDownLatch(1);
    int[] unanswered = new int[1];
    try (WorkerThreads workers = new WorkerThreads(2)) {
      workers.run(
          2,
          piece -> {
            if (piece == 1) {
              for (int i = 0; i < 100; i++) {
                workers.run(4, _ -> {});
              }
              unanswered[0] = workers.unanswered();
              over.countDown();
            } else {
              try {
                assertTrue(over.await(20, TimeUnit.SECONDS));
              } catch (InterruptedException e) {
                throw new IllegalStateException(e);
              }
            }
          });
    }
    assertEquals(0, unanswered[0]);
  }

  @Test
  void failuresReachTheCaller() {
    try (WorkerThreads workers = new WorkerThreads(2)) {
      assertThrows(
          InvalidRequest.class,
          () ->
              workers.run(
                  20,
                  piece -> {
                    if (piece == 7) {
                      throw new InvalidRequest("seven");
                    }
                  }));
      AtomicIntegerArray runs = new AtomicIntegerArray(5);
      workers.run(5, runs::incrementAndGet);
      assertEquals(1, runs.get(4));
    }
  }

  @Test
  void atLeastOneThread() {
    assertThrows(IllegalArgumentException.class, () -> new WorkerThreads(0));
  }
}
