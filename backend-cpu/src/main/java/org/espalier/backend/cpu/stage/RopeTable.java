package org.espalier.backend.cpu.stage;

import java.util.Arrays;
import org.espalier.api.model.Rope;

/** Cosines and sines of the rotary embedding, computed as positions are reached. */
final class RopeTable {
  private final Rope rope;
  private final int pairs;
  private float[] cosines = new float[0];
  private float[] sines = new float[0];

  RopeTable(Rope rope) {
    this.rope = rope;
    this.pairs = rope.dimensions() / 2;
  }

  /** Makes the table cover positions below {@code length}. */
  void reserve(int length) {
    int have = pairs == 0 ? length : cosines.length / pairs;
    if (have >= length) {
      return;
    }
    int grown = Math.max(length, 2 * have);
    cosines = Arrays.copyOf(cosines, grown * pairs);
    sines = Arrays.copyOf(sines, grown * pairs);
    for (int position = have; position < grown; position++) {
      for (int i = 0; i < pairs; i++) {
        double angle = position * Math.pow(rope.base(), -2.0 * i / rope.dimensions());
        cosines[position * pairs + i] = (float) Math.cos(angle);
        sines[position * pairs + i] = (float) Math.sin(angle);
      }
    }
  }

  /** Turns one head: element i with element i + dimensions/2. */
  void turn(float[] x, int offset, int position) {
    int table = position * pairs;
    for (int i = 0; i < pairs; i++) {
      float cosine = cosines[table + i];
      float sine = sines[table + i];
      float a = x[offset + i];
      float b = x[offset + pairs + i];
      x[offset + i] = a * cosine - b * sine;
      x[offset + pairs + i] = a * sine + b * cosine;
    }
  }
}
