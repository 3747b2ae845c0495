package org.espalier.backend.cpu;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.espalier.backend.cpu.dense.DenseRehearsal;
import org.espalier.backend.cpu.qtip.QtipKernels;
import org.espalier.backend.cpu.stage.StageRehearsal;

/**
 * Runs what a forward pass consists of on a few numbers, until it is compiled: on them, interpreted
 * vector code takes a millisecond, where on the rows of a large model it would take a hundred. It
 * changes nothing but what the compilers know.
 */
final class Rehearsal {
  /** What each step takes at most once it is compiled; interpreted, it takes ten times as long. */
  private static final long COMPILED_NANOS = 20_000;

  private static final int FAST_CALLS = 5;
  private static final int MOST_CALLS = 600;

  /** When it is given up. */
  private static final long LONGEST_NANOS = TimeUnit.SECONDS.toNanos(3);

  private static final int BYTES = 8192;

  private Rehearsal() {}

  /**
   * Rehearses in the calling thread, some seconds at most.
   *
   * @throws IOException when there is no place for a small temporary file
   */
  static void run() throws IOException {
    long end = System.nanoTime() + LONGEST_NANOS;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment mapped = map(arena);
      List<Runnable> steps = new ArrayList<>(QtipKernels.rehearsal(mapped));
      steps.addAll(StageRehearsal.steps(mapped));
      steps.addAll(DenseRehearsal.steps());
      for (Runnable step : steps) {
        rehearse(step, end);
      }
    }
  }

  /**
   * Small numbers in mapped memory, as weights are: loads from allocated memory are another case to
   * the compiler. The file is gone as soon as it is mapped, so that none is left where the process
   * ends early.
   */
  private static MemorySegment map(Arena arena) throws IOException {
    Path file = Files.createTempFile("espalier", ".rehearsal");
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.DELETE_ON_CLOSE)) {
      channel.write(ByteBuffer.allocate(BYTES));
      return channel.map(FileChannel.MapMode.READ_ONLY, 0, BYTES, arena);
    }
  }

  private static void rehearse(Runnable step, long end) {
    int fast = 0;
    for (int calls = 0; fast < FAST_CALLS && calls < MOST_CALLS; calls++) {
      long start = System.nanoTime();
      if (start > end) {
        return;
      }
      step.run();
      fast += System.nanoTime() - start < COMPILED_NANOS ? 1 : 0;
    }
  }
}
