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
  /** Floats of working memory that {@link #multiply} wants. */
  public static final int WORK_FLOATS = 8 * COUNT;

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
   * @param work room for {@link #WORK_FLOATS}
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
      boolean accumulate,
      float[] work,
      int workOffset) {
    int o = 0;
    for (; o + BLOCK <= outputs; o += BLOCK) {
      int wo = wOffset + o * wStride;
      int r = 0;
      for (; r + 2 <= rows; r += 2) {
        fourByTwo(
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
            accumulate,
            work,
            workOffset);
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
            accumulate,
            work,
            workOffset);
      }
    }
    for (; o < outputs; o++) {
      for (int r = 0; r < rows; r++) {
        int at = yOffset + r * yStride + o;
        float before = accumulate ? y[at] : 0;
        y[at] = dot(w, wOffset + o * wStride, x, xOffset + r * xStride, inner, before);
      }
    }
  }

  /** Σ a·b. */
  public static float dot(float[] a, int aOffset, float[] b, int bOffset, int length) {
    return dot(a, aOffset, b, bOffset, length, 0);
  }

  /** The sum over whole vectors is added to {@code before}, then that over the tail. */
  private static float dot(
      float[] a, int aOffset, float[] b, int bOffset, int length, float before) {
    FloatVector sum = FloatVector.zero(SPECIES);
    int k = 0;
    for (; k + COUNT <= length; k += COUNT) {
      sum =
          Fused.multiplyAdd(
              FloatVector.fromArray(SPECIES, a, aOffset + k),
              FloatVector.fromArray(SPECIES, b, bOffset + k),
              sum);
    }
    float whole = before + Lanes.sum(sum);
    return k < length ? whole + tail(a, aOffset, b, bOffset, k, length) : whole;
  }

  private static float tail(float[] a, int aOffset, float[] b, int bOffset, int from, int to) {
    float sum = 0;
    for (int k = from; k < to; k++) {
      sum = Fused.multiplyAdd(a[aOffset + k], b[bOffset + k], sum);
    }
    return sum;
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
      boolean accumulate,
      float[] work,
      int at) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    int k = 0;
    for (; k + COUNT <= inner; k += COUNT) {
      FloatVector v = FloatVector.fromArray(SPECIES, x, xo + k);
      s0 = Fused.multiplyAdd(FloatVector.fromArray(SPECIES, w, wo + k), v, s0);
      s1 = Fused.multiplyAdd(FloatVector.fromArray(SPECIES, w, wo + ws + k), v, s1);
      s2 = Fused.multiplyAdd(FloatVector.fromArray(SPECIES, w, wo + 2 * ws + k), v, s2);
      s3 = Fused.multiplyAdd(FloatVector.fromArray(SPECIES, w, wo + 3 * ws + k), v, s3);
    }
    s0.intoArray(work, at);
    s1.intoArray(work, at + COUNT);
    s2.intoArray(work, at + 2 * COUNT);
    s3.intoArray(work, at + 3 * COUNT);
    finishRow(work, at, w, wo, ws, x, xo, k, inner, y, yo, accumulate);
  }

  /**
   * Four outputs of two rows. Four rows would need fewer loads, but with the sums over lanes they
   * exceed what C2 compiles in one method: vectors become objects, at ten times the time.
   */
  private static void fourByTwo(
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
      boolean accumulate,
      float[] work,
      int at) {
    FloatVector s00 = FloatVector.zero(SPECIES);
    FloatVector s01 = s00;
    FloatVector s02 = s00;
    FloatVector s03 = s00;
    FloatVector s10 = s00;
    FloatVector s11 = s00;
    FloatVector s12 = s00;
    FloatVector s13 = s00;
    int k = 0;
    for (; k + COUNT <= inner; k += COUNT) {
      FloatVector x0 = FloatVector.fromArray(SPECIES, x, xo + k);
      FloatVector x1 = FloatVector.fromArray(SPECIES, x, xo + xs + k);
      FloatVector v = FloatVector.fromArray(SPECIES, w, wo + k);
      s00 = Fused.multiplyAdd(v, x0, s00);
      s10 = Fused.multiplyAdd(v, x1, s10);
      v = FloatVector.fromArray(SPECIES, w, wo + ws + k);
      s01 = Fused.multiplyAdd(v, x0, s01);
      s11 = Fused.multiplyAdd(v, x1, s11);
      v = FloatVector.fromArray(SPECIES, w, wo + 2 * ws + k);
      s02 = Fused.multiplyAdd(v, x0, s02);
      s12 = Fused.multiplyAdd(v, x1, s12);
      v = FloatVector.fromArray(SPECIES, w, wo + 3 * ws + k);
      s03 = Fused.multiplyAdd(v, x0, s03);
      s13 = Fused.multiplyAdd(v, x1, s13);
    }
    s00.intoArray(work, at);
    s01.intoArray(work, at + COUNT);
    s02.intoArray(work, at + 2 * COUNT);
    s03.intoArray(work, at + 3 * COUNT);
    s10.intoArray(work, at + 4 * COUNT);
    s11.intoArray(work, at + 5 * COUNT);
    s12.intoArray(work, at + 6 * COUNT);
    s13.intoArray(work, at + 7 * COUNT);
    finishRow(work, at, w, wo, ws, x, xo, k, inner, y, yo, accumulate);
    int second = at + 4 * COUNT;
    finishRow(work, second, w, wo, ws, x, xo + xs, k, inner, y, yo + ys, accumulate);
  }

  private static void finishRow(
      float[] sums,
      int at,
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
    Lanes.sums(sums, at, y, yo, accumulate);
    if (from < to) {
      y[yo] += tail(w, wo, x, xo, from, to);
      y[yo + 1] += tail(w, wo + ws, x, xo, from, to);
      y[yo + 2] += tail(w, wo + 2 * ws, x, xo, from, to);
      y[yo + 3] += tail(w, wo + 3 * ws, x, xo, from, to);
    }
  }

  /**
   * One row times outputs of an F32 matrix that is read where it lies.
   *
   * @param w the matrix, little-endian
   * @param wOffset byte of the first weight of the first output
   * @param outputs how many outputs
   * @param inner inputs, and weights from one output to the next
   * @param work room for {@link #WORK_FLOATS}
   */
  public static void multiplyInPlace(
      MemorySegment w,
      long wOffset,
      int outputs,
      int inner,
      float[] x,
      int xOffset,
      float[] y,
      int yOffset,
      float[] work,
      int workOffset) {
    long stride = (long) inner * Float.BYTES;
    int o = 0;
    for (; o + BLOCK <= outputs; o += BLOCK) {
      fourInPlace(
          w, wOffset + o * stride, stride, inner, x, xOffset, y, yOffset + o, work, workOffset);
    }
    for (; o < outputs; o++) {
      y[yOffset + o] = dotInPlace(w, wOffset + o * stride, x, xOffset, inner);
    }
  }

  private static void fourInPlace(
      MemorySegment w,
      long wo,
      long ws,
      int inner,
      float[] x,
      int xo,
      float[] y,
      int yo,
      float[] work,
      int workOffset) {
    FloatVector s0 = FloatVector.zero(SPECIES);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    int k = 0;
    for (; k + COUNT <= inner; k += COUNT) {
      // No method around the loads: compiled by itself, it would lack what touch is for.
      FloatVector v = FloatVector.fromArray(SPECIES, x, xo + k);
      long at = wo + (long) k * Float.BYTES;
      s0 =
          Fused.multiplyAdd(
              FloatVector.fromMemorySegment(SPECIES, w, at, ByteOrder.LITTLE_ENDIAN), v, s0);
      s1 =
          Fused.multiplyAdd(
              FloatVector.fromMemorySegment(SPECIES, w, at + ws, ByteOrder.LITTLE_ENDIAN), v, s1);
      s2 =
          Fused.multiplyAdd(
              FloatVector.fromMemorySegment(SPECIES, w, at + 2 * ws, ByteOrder.LITTLE_ENDIAN),
              v,
              s2);
      s3 =
          Fused.multiplyAdd(
              FloatVector.fromMemorySegment(SPECIES, w, at + 3 * ws, ByteOrder.LITTLE_ENDIAN),
              v,
              s3);
    }
    MappedMemory.touch(w, wo);
    s0.intoArray(work, workOffset);
    s1.intoArray(work, workOffset + COUNT);
    s2.intoArray(work, workOffset + 2 * COUNT);
    s3.intoArray(work, workOffset + 3 * COUNT);
    Lanes.sums(work, workOffset, y, yo, false);
    for (int i = 0; i < 4 && k < inner; i++) {
      y[yo + i] += tailInPlace(w, wo + i * ws, x, xo, k, inner);
    }
  }

  private static float dotInPlace(MemorySegment w, long wo, float[] x, int xo, int inner) {
    FloatVector sum = FloatVector.zero(SPECIES);
    int k = 0;
    for (; k + COUNT <= inner; k += COUNT) {
      sum =
          Fused.multiplyAdd(
              FloatVector.fromMemorySegment(SPECIES, w, wo + (long) k * 4, ByteOrder.LITTLE_ENDIAN),
              FloatVector.fromArray(SPECIES, x, xo + k),
              sum);
    }
    MappedMemory.touch(w, wo);
    return Lanes.sum(sum) + tailInPlace(w, wo, x, xo, k, inner);
  }

  private static float tailInPlace(MemorySegment w, long wo, float[] x, int xo, int from, int to) {
    float sum = 0;
    for (int k = from; k < to; k++) {
      sum = Fused.multiplyAdd(w.get(Elements.F32, wo + (long) k * Float.BYTES), x[xo + k], sum);
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
        s0 = Fused.multiplyAdd(FloatVector.fromArray(SPECIES, v, at), factor, s0);
        s1 = Fused.multiplyAdd(FloatVector.fromArray(SPECIES, v, at + COUNT), factor, s1);
        s2 = Fused.multiplyAdd(FloatVector.fromArray(SPECIES, v, at + 2 * COUNT), factor, s2);
        s3 = Fused.multiplyAdd(FloatVector.fromArray(SPECIES, v, at + 3 * COUNT), factor, s3);
      }
      s0.intoArray(y, yOffset + d);
      s1.intoArray(y, yOffset + d + COUNT);
      s2.intoArray(y, yOffset + d + 2 * COUNT);
      s3.intoArray(y, yOffset + d + 3 * COUNT);
    }
    for (; d < dimension; d++) {
      float sum = y[yOffset + d];
      for (int j = 0; j < count; j++) {
        sum = Fused.multiplyAdd(v[vOffset + j * dimension + d], p[pOffset + j], sum);
      }
      y[yOffset + d] = sum;
    }
  }
}
