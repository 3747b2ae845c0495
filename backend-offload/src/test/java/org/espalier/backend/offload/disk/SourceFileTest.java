package org.espalier.backend.offload.disk;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import org.espalier.api.EspalierException.DeviceFailure;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class SourceFileTest {
  @TempDir private Path folder;

  private Path file(byte[] bytes) throws IOException {
    return Files.write(folder.resolve("file"), bytes);
  }

  @Test
  void readsAnyStretchAtAnyAlignment() throws IOException {
    Random random = new Random(3);
    byte[] bytes = new byte[3_000_017];
    random.nextBytes(bytes);
    try (SourceFile file = SourceFile.open(file(bytes));
        ReadBuffer buffer = new ReadBuffer();
        Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(bytes.length + 4096L, 4096);
      int[][] stretches = {
        {0, 4096},
        {4096, 8192},
        {0, bytes.length},
        {1, bytes.length - 1},
        {bytes.length - 1, 1},
        {12_288, 1 << 20},
        {4095, 2},
        {77, (1 << 20) + 5}
      };
      for (int i = 0; i < 60; i++) {
        int[] stretch =
            i < stretches.length
                ? stretches[i]
                : new int[] {
                  random.nextInt(bytes.length / 2), 1 + random.nextInt(bytes.length / 2)
                };
        MemorySegment target = memory.asSlice(i % 3 == 0 ? 0 : random.nextInt(4096), stretch[1]);
        target.fill((byte) 0);
        file.read(stretch[0], target, buffer);
        assertArrayEquals(
            Arrays.copyOfRange(bytes, stretch[0], stretch[0] + stretch[1]),
            target.toArray(ValueLayout.JAVA_BYTE),
            Arrays.toString(stretch));
      }
    }
  }

  @Test
  void saysWhereAFileEnds() throws IOException {
    try (SourceFile file = SourceFile.open(file(new byte[10_000]));
        ReadBuffer buffer = new ReadBuffer();
        Arena arena = Arena.ofConfined()) {
      for (long offset : new long[] {9_999, 8192, 10_000, 1 << 20}) {
        MemorySegment target = arena.allocate(4096, 4096);
        DeviceFailure failure =
            assertThrows(DeviceFailure.class, () -> file.read(offset, target, buffer));
        assertTrue(failure.getMessage().contains("was cut short"), failure.getMessage());
      }
    }
  }

  /** The system gives an input/output error for memory of this process that is not there. */
  @Test
  @EnabledOnOs(OS.LINUX)
  void saysWhatTheSystemSaysOfAReadThatFails() {
    try (SourceFile file = SourceFile.open(Path.of("/proc/self/mem"));
        ReadBuffer buffer = new ReadBuffer();
        Arena arena = Arena.ofConfined()) {
      MemorySegment target = arena.allocate(4096, 4096);
      DeviceFailure failure = assertThrows(DeviceFailure.class, () -> file.read(0, target, buffer));
      assertTrue(
          failure.getMessage().startsWith("'/proc/self/mem' cannot be read: "),
          failure.getMessage());
    }
  }

  @Test
  void saysThatThereIsNoFile() {
    DeviceFailure failure =
        assertThrows(DeviceFailure.class, () -> SourceFile.open(folder.resolve("none")));
    assertTrue(failure.getMessage().contains("cannot be read"), failure.getMessage());
  }

  @Test
  void doesWhatIsUrgentFirstAndTakesBackWhatHasNotBegun() throws InterruptedException {
    StringBuffer order = new StringBuffer();
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    CountDownLatch done = new CountDownLatch(3);
    try (Readers readers = new Readers(1)) {
      readers.submit(
          List.of(_ -> {
            begun.countDown();
            await(go);
          }),
          true);
      begun.await();
      Readers.Job ahead = job(order, "a", done);
      Readers.Job dropped = job(order, "x", done);
      readers.submit(List.of(ahead, dropped), false);
      readers.submit(List.of(job(order, "1", done), job(order, "2", done)), true);
      assertTrue(readers.withdraw(dropped));
      go.countDown();
      done.await();
      assertEquals("12a", order.toString());
      assertEquals(false, readers.withdraw(ahead));
    }
  }

  private static Readers.Job job(StringBuffer order, String name, CountDownLatch done) {
    return _ -> {
      order.append(name);
      done.countDown();
    };
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
