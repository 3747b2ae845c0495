package org.espalier.backend.cpu.numeric;

import static org.espalier.backend.cpu.numeric.Lanes.COUNT;
import static org.espalier.backend.cpu.numeric.Lanes.SPECIES;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;

/**
 * Products of small panels: Y = X Wᵀ. Every output is accumulated in one vector over the inner
 * dimension, summed over lanes, and completed by the tail, whichever routine computes it: an
 * output's value depends on neither its neighbours nor the number of rows.
 */
public final class Products {
  private static final int BLOCK = 4;

  private Products() {}

  /**
   * Multiplies a panel of weights by rows.
   *
   * @param w weight of output o and input k at {@code wOffset + o · wStride + k}
   * @param outputs of the panel
   * @param inner inputs
   * @param x value k of row r at {@code xOffset + r · xStride + k}
   * @param rows how many
   * @param y output o of row r at {@code yOffset + r · yStride + o}
   * @param accumulate whether to add to what is there
   */
  public static void multiply(
      float[] w,
      int wOffset,
      int wStride,
      int outputs,
      int inner,
      float[] x,
      int xOffset,
      int xStride,
      int rows,
      float[] y,
      int yOffset,
      int yStride,
      boolean accumulate) {
    int o = 0;
    for (; o + BLOCK <= outputs; o += BLOCK) {
      int wo = wOffset + o * wStride;
      int r = 0;
      for (; r + BLOCK <= rows; r += BLOCK) {
        fourByFour(
            w,
            wo,
            wStride,
            inner,
            x,
            xOffset + r * xStride,
            xStride,
            y,
            yOffset + r * yStride + o,
            yStride,
            accumulate);
      }
      for (; r < rows; r++) {
        fourByOne(
            w,
            wo,
            wStride,
            inner,
            x,
            xOffset + r * xStride,
            y,
            yOffset + r * yStride + o,
            accumulate);
      }
    }
    for (; o < outputs; o++) {
      for (int r = 0; r < rows; r++) {
        float sum = dot(w, wOffset + o * wStride, x, xOffset + r * xStride, inner);
        int at = yOffset + r * yStride + o;
        y[at] = accumulate ? y[at] + sum : sum;
      }
    }
  }

  /** Σ a·b. */
  public static float dot(float[] a, int aOffset, float[] b, int bOffset, int length) {
    FloatVector sum = FloatVector.zero(SPECIES);
    int k = 0;
    for (; k + COUNT <= length; k += COUNT) {
      sum =
          FloatVector.fromArray(SPECIES, a, aOffset + k)
              .fma(FloatVector.fromArray(SPECIES, b, bOffset + k), sum);
    }
    return Lanes.sum(sum) + tail(a, aOffset, b, bOffset, k, length);
  }

  private static float tail(float[] a, int aOffset, float[] b, int bOffset, int from, int to) {
    float sum = 0;
    for (int k = from; k < to; k++) {
      sum = Math.fma(a[aOffset + k], b[bOffset + k], sum);
    }
    return sum;
  }

  private static void put(float[] y, int at, float value, boolean accumulate) {
    y[at] = accumulate ? y[at] + value : value;
  }

  private static void fourByOne(
      float[] w,
      int wo,
      int ws,
      int inner,
      float[] x,
      int xo,
      float[] y,
      int yo,
      boolean accumulate) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    int k = 0;
    for (; k + COUNT <= inner; k += COUNT) {
      FloatVector v = FloatVector.fromArray(SPECIES, x, xo + k);
      s0 = FloatVector.fromArray(SPECIES, w, wo + k).fma(v, s0);
      s1 = FloatVector.fromArray(SPECIES, w, wo + ws + k).fma(v, s1);
      s2 = FloatVector.fromArray(SPECIES, w, wo + 2 * ws + k).fma(v, s2);
      s3 = FloatVector.fromArray(SPECIES, w, wo + 3 * ws + k).fma(v, s3);
    }
    put(y, yo, Lanes.sum(s0) + tail(w, wo, x, xo, k, inner), accumulate);
    put(y, yo + 1, Lanes.sum(s1) + tail(w, wo + ws, x, xo, k, inner), accumulate);
    put(y, yo + 2, Lanes.sum(s2) + tail(w, wo + 2 * ws, x, xo, k, inner), accumulate);
    put(y, yo + 3, Lanes.sum(s3) + tail(w, wo + 3 * ws, x, xo, k, inner), accumulate);
  }

  private static void fourByFour(
      float[] w,
      int wo,
      int ws,
      int inner,
      float[] x,
      int xo,
      int xs,
      float[] y,
      int yo,
      int ys,
      boolean accumulate) {
    FloatVector s00 = FloatVector.zero(SPECIES);
    FloatVector s01 = s00;
    FloatVector s02 = s00;
    FloatVector s03 = s00;
    FloatVector s10 = s00;
    FloatVector s11 = s00;
    FloatVector s12 = s00;
    FloatVector s13 = s00;
    FloatVector s20 = s00;
    FloatVector s21 = s00;
    FloatVector s22 = s00;
    FloatVector s23 = s00;
    FloatVector s30 = s00;
    FloatVector s31 = s00;
    FloatVector s32 = s00;
    FloatVector s33 = s00;
    int k = 0;
    for (; k + COUNT <= inner; k += COUNT) {
      FloatVector x0 = FloatVector.fromArray(SPECIES, x, xo + k);
      FloatVector x1 = FloatVector.fromArray(SPECIES, x, xo + xs + k);
      FloatVector x2 = FloatVector.fromArray(SPECIES, x, xo + 2 * xs + k);
      FloatVector x3 = FloatVector.fromArray(SPECIES, x, xo + 3 * xs + k);
      FloatVector w0 = FloatVector.fromArray(SPECIES, w, wo + k);
      s00 = w0.fma(x0, s00);
      s10 = w0.fma(x1, s10);
      s20 = w0.fma(x2, s20);
      s30 = w0.fma(x3, s30);
      FloatVector w1 = FloatVector.fromArray(SPECIES, w, wo + ws + k);
      s01 = w1.fma(x0, s01);
      s11 = w1.fma(x1, s11);
      s21 = w1.fma(x2, s21);
      s31 = w1.fma(x3, s31);
      FloatVector w2 = FloatVector.fromArray(SPECIES, w, wo + 2 * ws + k);
      s02 = w2.fma(x0, s02);
      s12 = w2.fma(x1, s12);
      s22 = w2.fma(x2, s22);
      s32 = w2.fma(x3, s32);
      FloatVector w3 = FloatVector.fromArray(SPECIES, w, wo + 3 * ws + k);
      s03 = w3.fma(x0, s03);
      s13 = w3.fma(x1, s13);
      s23 = w3.fma(x2, s23);
      s33 = w3.fma(x3, s33);
    }
    finishRow(s00, s01, s02, s03, w, wo, ws, x, xo, k, inner, y, yo, accumulate);
    finishRow(s10, s11, s12, s13, w, wo, ws, x, xo + xs, k, inner, y, yo + ys, accumulate);
    finishRow(s20, s21, s22, s23, w, wo, ws, x, xo + 2 * xs, k, inner, y, yo + 2 * ys, accumulate);
    finishRow(s30, s31, s32, s33, w, wo, ws, x, xo + 3 * xs, k, inner, y, yo + 3 * ys, accumulate);
  }

  private static void finishRow(
      FloatVector s0,
      FloatVector s1,
      FloatVector s2,
      FloatVector s3,
      float[] w,
      int wo,
      int ws,
      float[] x,
      int xo,
      int from,
      int to,
      float[] y,
      int yo,
      boolean accumulate) {
    put(y, yo, Lanes.sum(s0) + tail(w, wo, x, xo, from, to), accumulate);
    put(y, yo + 1, Lanes.sum(s1) + tail(w, wo + ws, x, xo, from, to), accumulate);
    put(y, yo + 2, Lanes.sum(s2) + tail(w, wo + 2 * ws, x, xo, from, to), accumulate);
    put(y, yo + 3, Lanes.sum(s3) + tail(w, wo + 3 * ws, x, xo, from, to), accumulate);
  }

  /**
   * One row times outputs of an F32 matrix that is read where it lies.
   *
   * @param w the matrix, little-endian
   * @param wOffset byte of the first weight of the first output
   * @param outputs how many outputs
   * @param inner inputs, and weights from one output to the next
   */
  public static void multiplyInPlace(
      MemorySegment w,
      long wOffset,
      int outputs,
      int inner,
      float[] x,
      int xOffset,
      float[] y,
      int yOffset) {
    long stride = (long) inner * Float.BYTES;
    int o = 0;
    for (; o + BLOCK <= outputs; o += BLOCK) {
      fourInPlace(w, wOffset + o * stride, stride, inner, x, xOffset, y, yOffset + o);
    }
    for (; o < outputs; o++) {
      y[yOffset + o] = dotInPlace(w, wOffset + o * stride, x, xOffset, inner);
    }
  }

  private static void fourInPlace(
      MemorySegment w, long wo, long ws, int inner, float[] x, int xo, float[] y, int yo) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    int k = 0;
    for (; k + COUNT <= inner; k += COUNT) {
      // No method around the loads: compiled by itself, it would lack what touch is for.
      FloatVector v = FloatVector.fromArray(SPECIES, x, xo + k);
      long at = wo + (long) k * Float.BYTES;
      s0 = FloatVector.fromMemorySegment(SPECIES, w, at, ByteOrder.LITTLE_ENDIAN).fma(v, s0);
      s1 = FloatVector.fromMemorySegment(SPECIES, w, at + ws, ByteOrder.LITTLE_ENDIAN).fma(v, s1);
      s2 =
          FloatVector.fromMemorySegment(SPECIES, w, at + 2 * ws, ByteOrder.LITTLE_ENDIAN)
              .fma(v, s2);
      s3 =
          FloatVector.fromMemorySegment(SPECIES, w, at + 3 * ws, ByteOrder.LITTLE_ENDIAN)
              .fma(v, s3);
    }
    MappedMemory.touch(w, wo);
    y[yo] = Lanes.sum(s0) + tailInPlace(w, wo, x, xo, k, inner);
    y[yo + 1] = Lanes.sum(s1) + tailInPlace(w, wo + ws, x, xo, k, inner);
    y[yo + 2] = Lanes.sum(s2) + tailInPlace(w, wo + 2 * ws, x, xo, k, inner);
    y[yo + 3] = Lanes.sum(s3) + tailInPlace(w, wo + 3 * ws, x, xo, k, inner);
  }

  private static float dotInPlace(MemorySegment w, long wo, float[] x, int xo, int inner) {
    FloatVector sum = FloatVector.zero(SPECIES);
    int k = 0;
    for (; k + COUNT <= inner; k += COUNT) {
      sum =
          FloatVector.fromMemorySegment(SPECIES, w, wo + (long) k * 4, ByteOrder.LITTLE_ENDIAN)
              .fma(FloatVector.fromArray(SPECIES, x, xo + k), sum);
    }
    MappedMemory.touch(w, wo);
    return Lanes.sum(sum) + tailInPlace(w, wo, x, xo, k, inner);
  }

  private static float tailInPlace(MemorySegment w, long wo, float[] x, int xo, int from, int to) {
    float sum = 0;
    for (int k = from; k < to; k++) {
      sum = Math.fma(w.get(Elements.F32, wo + (long) k * Float.BYTES), x[xo + k], sum);
    }
    return sum;
  }

  /**
   * y += Σ_j p_j · v_j over rows of a panel.
   *
   * @param v value d of row j at {@code vOffset + j · dimension + d}
   * @param p a factor per row
   * @param count rows
   */
  public static void addWeighted(
      float[] v,
      int vOffset,
      int dimension,
      float[] p,
      int pOffset,
      int count,
      float[] y,
      int yOffset) {
    int d = 0;
    for (; d + 4 * COUNT <= dimension; d += 4 * COUNT) {
      FloatVector s0 = FloatVector.fromArray(SPECIES, y, yOffset + d);
      FloatVector s1 = FloatVector.fromArray(SPECIES, y, yOffset + d + COUNT);
      FloatVector s2 = FloatVector.fromArray(SPECIES, y, yOffset + d + 2 * COUNT);
      FloatVector s3 = FloatVector.fromArray(SPECIES, y, yOffset + d + 3 * COUNT);
      for (int j = 0; j < count; j++) {
        FloatVector factor = FloatVector.broadcast(SPECIES, p[pOffset + j]);
        int at = vOffset + j * dimension + d;
        s0 = FloatVector.fromArray(SPECIES, v, at).fma(factor, s0);
        s1 = FloatVector.fromArray(SPECIES, v, at + COUNT).fma(factor, s1);
        s2 = FloatVector.fromArray(SPECIES, v, at + 2 * COUNT).fma(factor, s2);
        s3 = FloatVector.fromArray(SPECIES, v, at + 3 * COUNT).fma(factor, s3);
      }
      s0.intoArray(y, yOffset + d);
      s1.intoArray(y, yOffset + d + COUNT);
      s2.intoArray(y, yOffset + d + 2 * COUNT);
      s3.intoArray(y, yOffset + d + 3 * COUNT);
    }
    for (; d < dimension; d++) {
      float sum = y[yOffset + d];
      for (int j = 0; j < count; j++) {
        sum = Math.fma(v[vOffset + j * dimension + d], p[pOffset + j], sum);
      }
      y[yOffset + d] = sum;
    }
  }
}
