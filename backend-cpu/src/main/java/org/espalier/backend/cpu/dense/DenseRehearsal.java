package org.espalier.backend.cpu.dense;

import java.util.List;

/** Products with a matrix rounded to bytes, on a few numbers. */
public final class DenseRehearsal {
  private static final int INPUTS = 256;

  private DenseRehearsal() {}

  /** The steps, in the order in which a pass needs them. */
  public static List<Runnable> steps() {
    float[] x = new float[INPUTS + INPUTS / ByteWeights.COLUMNS];
    float[] y = new float[ByteWeights.OUTPUTS];
    int[] w = new int[ByteWeights.length(INPUTS)];
    return List.of(
        () -> ByteWeights.round(x, INPUTS, 0, w, 0),
        () -> ByteWeights.multiply(w, 0, INPUTS, x, 0, x.length, 1, y));
  }
}
