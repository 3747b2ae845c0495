package org.espalier.launcher.console;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class InterruptionTest {
  private final Interruption interruption = new Interruption();
  private final AtomicInteger lastWords = new AtomicInteger();

  @Test
  void workThatEndsHasTheLastWordItself() throws InterruptedException {
    CountDownLatch begun = new CountDownLatch(1);
    Thread work =
        Thread.ofPlatform()
            .start(() -> {
              try (Interruption.Work _ = interruption.begin(lastWords::incrementAndGet)) {
                begun.countDown();
                while (!interruption.requested()) {
                  Thread.onSpinWait();
                }
              }
            });
    begun.await();
    interruption.request();
    work.join();
    assertEquals(0, lastWords.get());
  }

  @Test
  void patienceEnds() {
    try (Interruption.Work _ = interruption.begin(lastWords::incrementAndGet)) {
      interruption.request();
    }
    assertEquals(1, lastWords.get());
  }

  @Test
  void checkLeavesOnlyWhenAsked() {
    assertDoesNotThrow(interruption::check);
    assertFalse(interruption.requested());
    interruption.request();
    assertTrue(interruption.requested());
    Failure failure = Failure.of(assertThrows(RuntimeException.class, interruption::check));
    assertEquals(ExitCode.INTERRUPTED, failure.exitCode());
    assertTrue(failure.sentence().isEmpty());
  }
}
