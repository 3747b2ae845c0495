package org.espalier.backend.cpu.stage;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.espalier.api.backend.CacheType;
import org.espalier.api.backend.CacheTypes;
import org.espalier.backend.cpu.numeric.Elementwise;
import org.espalier.backend.cpu.numeric.Hadamard;
import org.espalier.backend.cpu.numeric.Products;
import org.espalier.backend.cpu.spi.Scratch;

/** What stages do between products with encoded weights, on a few numbers. */
public final class StageRehearsal {
  private static final int WIDTH = 256;
  private static final int HEAD = 128;
  private static final int ROWS = 4;
  private static final int EXPERTS = 64;

  private StageRehearsal() {}

  /**
   * The steps, in the order in which a pass needs them.
   *
   * @param mapped at least 4 KB of floats
   */
  public static List<Runnable> steps(MemorySegment mapped) {
    float[] x = new float[ROWS * HEAD];
    float[] y = new float[ROWS * HEAD];
    float[] ones = new float[WIDTH];
    float[] work = new float[Math.max(WIDTH, Products.WORK_FLOATS)];
    Arrays.fill(x, 0.5f);
    Arrays.fill(ones, 1);
    List<Runnable> steps = new ArrayList<>();
    steps.add(() -> Elementwise.rmsNorm(x, 0, ones, 1e-5f, y, 0));
    steps.add(() -> Elementwise.multiplySigns(x, 0, mapped, 0, y, 0, WIDTH));
    steps.add(() -> Hadamard.transform(y, 0, WIDTH, WIDTH));
    steps.add(() -> Hadamard.transform(y, 0, WIDTH, WIDTH / 2));
    addAttention(steps, x, y);
    steps.add(() -> Elementwise.scale(y, 0, 1, WIDTH));
    steps.add(() -> Elementwise.addScaled(x, 0, 0.5f, y, 0, WIDTH));
    steps.add(() -> Products.multiplyInPlace(mapped, 0, 4, WIDTH, x, 0, y, 0, work, 0));
    steps.add(() -> Elementwise.maximum(x, 0, EXPERTS));
    steps.add(() -> Elementwise.siluTimes(y, 0, ones, 0, WIDTH, work));
    return steps;
  }

  private static void addAttention(List<Runnable> steps, float[] x, float[] y) {
    KeyValueCache cache = new KeyValueCache(1, HEAD, CacheTypes.both(CacheType.F16));
    cache.reserve(ROWS);
    int[] positions = new int[ROWS];
    for (int position = 0; position < ROWS; position++) {
      positions[position] = position;
      cache.putKeys(position, x, 0);
      cache.putValues(position, x, 0);
    }
    Scratch scratch = new Scratch();
    HeadAttention attention = new HeadAttention();
    steps.add(() -> cache.putKeys(0, x, 0));
    steps.add(() -> attention.attend(scratch, cache, 0, HEAD, positions, 0, ROWS, x, y, 0, HEAD));
  }
}
