package org.espalier.api.model;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Root-mean-square normalisation: y = w ⊙ x / √(mean(x²) + ε).
 *
 * @param weight w, little-endian F32
 * @param epsilon ε
 */
public record Norm(MemorySegment weight, float epsilon) {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** How many values it normalises together. */
  public int width() {
    return Math.toIntExact(weight.byteSize() / Float.BYTES);
  }

  /** A copy of w. */
  public float[] weights() {
    return weight.toArray(F32);
  }
}
