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

  /**
   * Multiplies two rows by {@link #OUTPUTS} outputs, with the same bits as one by one.
   *
   * @param x0 where the first row is
   * @param x1 where the second is
   * @param y receives the first row's outputs, then the second's
   */
  private static void multiplyTwo(
      int[] w, int offset, int inputs, float[] x, int x0, int x1, float[] y, int y0) {
    IntVector mantissa = IntVector.broadcast(INTS, UPPER_MANTISSA);
    IntVector one = IntVector.broadcast(INTS, ONE);
    FloatVector total0 = FloatVector.zero(FLOATS);
    FloatVector total1 = total0;
    int at = offset;
    for (int block = 0; block < inputs / COLUMNS; block++) {
      int column = block * COLUMNS;
      FloatVector a0 = FloatVector.broadcast(FLOATS, -x[x0 + inputs + block]);
      FloatVector a1 = FloatVector.broadcast(FLOATS, -x[x1 + inputs + block]);
      FloatVector b0 = FloatVector.zero(FLOATS);
      FloatVector b1 = b0;
      FloatVector c0 = b0;
      FloatVector c1 = b0;
      FloatVector d0 = b0;
      FloatVector d1 = b0;
      for (int i = 0; i < VECTORS; i++) {
        IntVector bytes = IntVector.fromArray(INTS, w, at + i * OUTPUTS);
        int k0 = x0 + column + 4 * i;
        int k1 = x1 + column + 4 * i;
        FloatVector weight =
            bytes.lanewise(VectorOperators.LSHL, 15).and(mantissa).or(one).reinterpretAsFloats();
        a0 = weight.fma(FloatVector.broadcast(FLOATS, x[k0]), a0);
        a1 = weight.fma(FloatVector.broadcast(FLOATS, x[k1]), a1);
        weight =
            bytes.lanewise(VectorOperators.LSHL, 7).and(mantissa).or(one).reinterpretAsFloats();
        b0 = weight.fma(FloatVector.broadcast(FLOATS, x[k0 + 1]), b0);
        b1 = weight.fma(FloatVector.broadcast(FLOATS, x[k1 + 1]), b1);
        weight =
            bytes.lanewise(VectorOperators.LSHR, 1).and(mantissa).or(one).reinterpretAsFloats();
        c0 = weight.fma(FloatVector.broadcast(FLOATS, x[k0 + 2]), c0);
        c1 = weight.fma(FloatVector.broadcast(FLOATS, x[k1 + 2]), c1);
        weight =
            bytes.lanewise(VectorOperators.LSHR, 9).and(mantissa).or(one).reinterpretAsFloats();
        d0 = weight.fma(FloatVector.broadcast(FLOATS, x[k0 + 3]), d0);
        d1 = weight.fma(FloatVector.broadcast(FLOATS, x[k1 + 3]), d1);
      }
      FloatVector scale =
          IntVector.fromArray(INTS, w, at + VECTORS * OUTPUTS).reinterpretAsFloats();
      total0 = scale.fma(a0.add(b0).add(c0.add(d0)), total0);
      total1 = scale.fma(a1.add(b1).add(c1.add(d1)), total1);
      at += BLOCK;
    }
    total0.intoArray(y, y0);
    total1.intoArray(y, y0 + OUTPUTS);
  }

  /**
   * Multiplies several rows by {@link #OUTPUTS} outputs, with the same bits as one by one. Two rows
   * share the unpacking of the weights; four exceed the registers.
   *
   * @param stride from row to row of {@code x}
   * @param y receives {@link #OUTPUTS} values of each row
   */
  static void multiply(
      int[] w, int offset, int inputs, float[] x, int x0, int stride, int rows, float[] y) {
    int row = 0;
    for (; Fused.isAvailable() && row + 2 <= rows; row += 2) {
      int from = x0 + row * stride;
      multiplyTwo(w, offset, inputs, x, from, from + stride, y, row * OUTPUTS);
    }
    for (; row < rows; row++) {
      multiply(w, offset, inputs, x, x0 + row * stride, y, row * OUTPUTS);
    }
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
