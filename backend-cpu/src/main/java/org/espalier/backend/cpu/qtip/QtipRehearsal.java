package org.espalier.backend.cpu.qtip;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;
import org.espalier.api.linear.LinearShape;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.KernelInput;
import org.espalier.backend.cpu.spi.Scratch;

/** Products with weights of codec qtip, on a few tiles. */
final class QtipRehearsal {
  /** An odd row and two that are multiplied together. */
  private static final int ROWS = 3;

  /** First a single tile, which interpreted code can just bear; then as many as share a scale. */
  private static final List<Integer> INPUTS = List.of(QtipCore.TILE, ByteActivations.GROUP);

  private QtipRehearsal() {}

  /**
   * Every kernel with one row and with several.
   *
   * @param mapped blocks of zeros will do: what they decode to is not looked at
   */
  static List<Runnable> steps(
      MemorySegment mapped, Function<QtipCore, List<? extends CpuKernel>> kernels) {
    float[] codebook = random(2 * QtipCore.CODEBOOK_ENTRIES);
    List<Runnable> steps = new ArrayList<>();
    for (int inputs : INPUTS) {
      MemorySegment tiles = mapped.asSlice(0, (long) inputs / QtipCore.TILE * QtipCore.BLOCK_BYTES);
      QtipCore core = new QtipCore(tiles, codebook, new LinearShape(1, QtipCore.TILE, inputs));
      kernels.apply(core).forEach(kernel -> addSteps(kernel, random(inputs), steps));
    }
    return steps;
  }

  private static float[] random(int length) {
    SplittableRandom random = new SplittableRandom(3);
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) random.nextDouble(-1, 1);
    }
    return values;
  }

  private static void addSteps(CpuKernel kernel, float[] x, List<Runnable> steps) {
    KernelInput input = KernelInput.allocate(ROWS, kernel.inputBytes(), kernel.inputFloats());
    for (int row = 0; row < ROWS; row++) {
      kernel.prepare(x, 0, input, row);
    }
    float[] y = new float[ROWS * QtipCore.TILE];
    Scratch scratch = new Scratch();
    for (int rows : new int[] {ROWS, 1}) {
      steps.add(
          () -> kernel.multiply(0, 0, QtipCore.TILE, input, 0, rows, y, 0, QtipCore.TILE, scratch));
    }
    if (x.length > QtipCore.TILE) {
      steps.add(() -> kernel.prepare(x, 0, input, 0));
    }
  }
}
