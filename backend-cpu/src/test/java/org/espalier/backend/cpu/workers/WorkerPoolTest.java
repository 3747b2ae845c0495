package org.espalier.backend.cpu.workers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WorkerPoolTest {

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5, 9})
  void everyPieceRunsOnceAndIsDoneOnReturn(int size) {
    try (WorkerPool pool = new WorkerPool(size)) {
      int[] counts = {0, 1, 2, 3, 7, 64, 1000};
      for (int round = 0; round < 3000; round++) {
        int count = counts[round % counts.length];
        AtomicIntegerArray ran = new AtomicIntegerArray(count);
        pool.run(
            count,
            (index, worker) -> {
              assertTrue(worker >= 0 && worker < size);
              ran.incrementAndGet(index);
            });
        for (int i = 0; i < count; i++) {
          assertEquals(1, ran.get(i));
        }
      }
    }
  }

  @Test
  void wakesSleepersAndLosesNoPhase() {
    Assertions.assertTimeoutPreemptively(
        Duration.ofSeconds(60),
        () -> {
          try (WorkerPool pool = new WorkerPool(3)) {
            AtomicLong sum = new AtomicLong();
            for (int round = 0; round < 20; round++) {
              Thread.sleep(round % 4 * 20); // long enough to park now and then
              pool.run(50, (index, _) -> sum.addAndGet(index));
            }
            assertEquals(20 * 1225, sum.get());
          }
        });
  }

  @Test
  void aFailureReachesTheCallerAndThePoolGoesOn() {
    try (WorkerPool pool = new WorkerPool(4)) {
      for (int round = 0; round < 100; round++) {
        assertThrows(
            IllegalStateException.class,
            () ->
                pool.run(
                    40,
                    (index, _) -> {
                      if (index == 17) {
                        throw new IllegalStateException("planted");
                      }
                    }));
        AtomicLong sum = new AtomicLong();
        pool.run(40, (index, _) -> sum.addAndGet(index));
        assertEquals(780, sum.get());
      }
    }
  }

  @Test
  void closingEndsTheThreads() {
    new WorkerPool(4).close();
    assertEquals(
        0,
        Thread.getAllStackTraces().keySet().stream()
            .filter(thread -> thread.getName().startsWith("espalier-cpu-") && thread.isAlive())
            .count());
  }
}
