package org.espalier.testkit.reference;

import org.espalier.api.model.Rope;

/** Turns element i of every head with element i + dimensions/2 (the NeoX pairing). */
final class RotaryEmbedding {
  private final Rope rope;
  private final int headDimension;

  RotaryEmbedding(Rope rope, int headDimension) {
    this.rope = rope;
    this.headDimension = headDimension;
  }

  /** Turns all heads of one vector in place. */
  void turn(double[] heads, int position) {
    int half = rope.dimensions() / 2;
    for (int head = 0; head < heads.length; head += headDimension) {
      for (int i = 0; i < half; i++) {
        double angle = position * Math.pow(rope.base(), -2.0 * i / rope.dimensions());
        double a = heads[head + i];
        double b = heads[head + i + half];
        heads[head + i] = a * Math.cos(angle) - b * Math.sin(angle);
        heads[head + i + half] = a * Math.sin(angle) + b * Math.cos(angle);
      }
    }
  }
}
