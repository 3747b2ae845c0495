package org.espalier.backend.cpu.dense;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import org.espalier.backend.cpu.numeric.Fused;
import org.espalier.backend.cpu.numeric.Lanes;

/**
 * Weights rounded to bytes, with a scale for every {@value #COLUMNS} inputs of an output, and their
 * products with rows.
 *
 * <p>A lane is an output. An int holds four inputs, 128 too high, the first in the lowest byte; a
 * column block is 16 vectors of ints and one of scales. All is read from front to back. A byte
 * becomes a float by putting it into the mantissa of 1, which gives 1.5 + weight / 256; the sum of
 * the row's block takes the 1.5 back.
 */
final class ByteWeights {
  /** Inputs that share a scale. */
  static final int COLUMNS = 64;

  /** Outputs that are multiplied together. */
  static final int OUTPUTS = Lanes.COUNT;

  private static final VectorSpecies<Float> FLOATS = Lanes.SPECIES;
  private static final VectorSpecies<Integer> INTS =
      VectorSpecies.of(int.class, FLOATS.vectorShape());
  private static final int VECTORS = COLUMNS / 4;

  /** Ints of one column block. */
  private static final int BLOCK = (VECTORS + 1) * OUTPUTS;

  private static final int ONE = Float.floatToRawIntBits(1f);
  private static final int UPPER_MANTISSA = 0x7F8000;

  private ByteWeights() {}

  /** Ints that hold the weights of {@link #OUTPUTS} outputs. */
  static int length(int inputs) {
    return inputs / COLUMNS * BLOCK;
  }

  /**
   * Rounds the weights of one output.
   *
   * @param exact its weights
   * @param inputs how many, a multiple of {@link #COLUMNS}
   * @param lane which of the outputs
   * @param target zeros in this lane
   */
  static void round(float[] exact, int inputs, int lane, int[] target, int offset) {
    for (int block = 0; block < inputs / COLUMNS; block++) {
      int from = block * COLUMNS;
      float largest = 0;
      for (int i = from; i < from + COLUMNS; i++) {
        largest = Math.max(largest, Math.abs(exact[i]));
      }
      float perUnit = largest > 0 ? 127 / largest : 0;
      int to = offset + block * BLOCK + lane;
      for (int i = 0; i < COLUMNS; i += 4) {
        target[to + i / 4 * OUTPUTS] =
            rounded(exact[from + i], perUnit)
                | rounded(exact[from + i + 1], perUnit) << 8
                | rounded(exact[from + i + 2], perUnit) << 16
                | rounded(exact[from + i + 3], perUnit) << 24;
      }
      target[to + VECTORS * OUTPUTS] = Float.floatToRawIntBits(largest / 127 * 256);
    }
  }

  /** Adding 1.5·2²³ rounds to a whole number and leaves it in the low bits. */
  private static int rounded(float value, float perUnit) {
    return Float.floatToRawIntBits(value * perUnit + (0x1.8p23f + 128)) & 0xFF;
  }

  /** Writes 1.5 times the sum of each block of a row. */
  static void sums(float[] x, int offset, int inputs, float[] target, int targetOffset) {
    for (int block = 0; block < inputs / COLUMNS; block++) {
      double sum = 0;
      for (int i = offset + block * COLUMNS; i < offset + (block + 1) * COLUMNS; i++) {
        sum += x[i];
      }
      target[targetOffset + block] = (float) (1.5 * sum);
    }
  }

  /**
   * Multiplies one row by {@link #OUTPUTS} outputs.
   *
   * @param x the row, and behind it what {@link #sums} wrote
   */
  static void multiply(int[] w, int offset, int inputs, float[] x, int x0, float[] y, int y0) {
    FloatVector total = FloatVector.zero(FLOATS);
    int at = offset;
    for (int block = 0; block < inputs / COLUMNS; block++) {
      FloatVector a = FloatVector.broadcast(FLOATS, -x[x0 + inputs + block]);
      FloatVector b = FloatVector.zero(FLOATS);
      FloatVector c = b;
      FloatVector d = b;
      for (int i = 0; i < VECTORS; i++) {
        IntVector bytes = IntVector.fromArray(INTS, w, at + i * OUTPUTS);
        int from = x0 + block * COLUMNS + 4 * i;
        a = Fused.multiplyAdd(mantissa(bytes.lanewise(VectorOperators.LSHL, 15)), all(x[from]), a);
        b =
            Fused.multiplyAdd(
                mantissa(bytes.lanewise(VectorOperators.LSHL, 7)), all(x[from + 1]), b);
        c =
            Fused.multiplyAdd(
                mantissa(bytes.lanewise(VectorOperators.LSHR, 1)), all(x[from + 2]), c);
        d =
            Fused.multiplyAdd(
                mantissa(bytes.lanewise(VectorOperators.LSHR, 9)), all(x[from + 3]), d);
      }
      total = Fused.multiplyAdd(scale(w, at), a.add(b).add(c.add(d)), total);
      at += BLOCK;
    }
    total.intoArray(y, y0);
  }

  private static FloatVector mantissa(IntVector shifted) {
    return shifted.and(UPPER_MANTISSA).or(ONE).reinterpretAsFloats();
  }

  private static FloatVector all(float value) {
    return FloatVector.broadcast(FLOATS, value);
  }

  private static FloatVector scale(int[] w, int at) {
    return IntVector.fromArray(INTS, w, at + VECTORS * OUTPUTS).reinterpretAsFloats();
  }
}
