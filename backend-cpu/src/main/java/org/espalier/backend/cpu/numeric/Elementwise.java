package org.espalier.backend.cpu.numeric;

import static org.espalier.backend.cpu.numeric.Lanes.COUNT;
import static org.espalier.backend.cpu.numeric.Lanes.SPECIES;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** Operations on single rows. */
public final class Elementwise {
  private static final float LOG2_E = 1.442695040888963f;
  private static final float LN2_HIGH = 0.693359375f;
  private static final float LN2_LOW = -2.12194440e-4f;
  // Adding and subtracting 1.5·2²³ rounds to a whole number and leaves it in the low bits.
  private static final float ROUND = 12582912f;

  private Elementwise() {}

  /** y = w ⊙ x / √(mean(x²) + ε). */
  public static void rmsNorm(
      float[] x, int xOffset, float[] w, float epsilon, float[] y, int yOffset) {
    int n = w.length;
    float squares = Products.dot(x, xOffset, x, xOffset, n);
    float scale = (float) (1 / Math.sqrt((double) squares / n + epsilon));
    int i = 0;
    for (; i + COUNT <= n; i += COUNT) {
      FloatVector.fromArray(SPECIES, x, xOffset + i)
          .mul(scale)
          .mul(FloatVector.fromArray(SPECIES, w, i))
          .intoArray(y, yOffset + i);
    }
    for (; i < n; i++) {
      y[yOffset + i] = x[xOffset + i] * scale * w[i];
    }
  }

  /** y = s ⊙ x with s read where it lies; x and y may be the same. */
  public static void multiplySigns(
      float[] x, int xOffset, MemorySegment s, long sOffset, float[] y, int yOffset, int n) {
    int i = 0;
    for (; i + COUNT <= n; i += COUNT) {
      FloatVector.fromArray(SPECIES, x, xOffset + i)
          .mul(
              FloatVector.fromMemorySegment(
                  SPECIES, s, sOffset + (long) i * Float.BYTES, ByteOrder.LITTLE_ENDIAN))
          .intoArray(y, yOffset + i);
    }
    for (; i < n; i++) {
      y[yOffset + i] = x[xOffset + i] * s.get(Elements.F32, sOffset + (long) i * Float.BYTES);
    }
    MappedMemory.touch(s, sOffset);
  }

  /** y += factor · x. */
  public static void addScaled(
      float[] x, int xOffset, float factor, float[] y, int yOffset, int n) {
    int i = 0;
    for (; i + COUNT <= n; i += COUNT) {
      Fused.multiplyAdd(
              FloatVector.fromArray(SPECIES, x, xOffset + i),
              FloatVector.broadcast(SPECIES, factor),
              FloatVector.fromArray(SPECIES, y, yOffset + i))
          .intoArray(y, yOffset + i);
    }
    for (; i < n; i++) {
      y[yOffset + i] = Fused.multiplyAdd(x[xOffset + i], factor, y[yOffset + i]);
    }
  }

  /** x *= factor. */
  public static void scale(float[] x, int offset, float factor, int n) {
    int i = 0;
    for (; i + COUNT <= n; i += COUNT) {
      FloatVector.fromArray(SPECIES, x, offset + i).mul(factor).intoArray(x, offset + i);
    }
    for (; i < n; i++) {
      x[offset + i] *= factor;
    }
  }

  /** Limits every value to ±{@code limit}; NaN stays NaN. */
  public static void clamp(float[] x, int offset, float limit, int n) {
    for (int i = offset; i < offset + n; i++) {
      x[i] = Math.max(-limit, Math.min(limit, x[i]));
    }
  }

  /**
   * g = SiLU(g) ⊙ u, with SiLU(g) = g / (1 + e^−g).
   *
   * @param work room for n floats
   */
  public static void siluTimes(
      float[] g, int gOffset, float[] u, int uOffset, int n, float[] work) {
    int whole = n / COUNT * COUNT;
    for (int i = 0; i < whole; i += COUNT) {
      FloatVector.fromArray(SPECIES, g, gOffset + i).neg().intoArray(work, i);
    }
    expVectors(work, 0, 0, whole);
    int i = 0;
    for (; i < whole; i += COUNT) {
      FloatVector.fromArray(SPECIES, g, gOffset + i)
          .div(FloatVector.fromArray(SPECIES, work, i).add(1f))
          .mul(FloatVector.fromArray(SPECIES, u, uOffset + i))
          .intoArray(g, gOffset + i);
    }
    for (; i < n; i++) {
      float v = g[gOffset + i];
      g[gOffset + i] = (float) (v / (1 + Math.exp(-v))) * u[uOffset + i];
    }
  }

  /**
   * x = e^(x − shift) to about two units in the last place, 0 below −87 and +∞ above 88. Not {@code
   * lanewise(EXP)}, whose result differs between compiled and interpreted code. A loop over memory
   * and no method of a vector: what C2 does not inline takes and gives objects.
   *
   * @param n a multiple of the vectors' length
   */
  static void expVectors(float[] x, int offset, float shift, int n) {
    for (int i = offset; i < offset + n; i += COUNT) {
      FloatVector v = FloatVector.fromArray(SPECIES, x, i).sub(shift);
      FloatVector limited = v.max(-87.3f).min(88.7f);
      FloatVector shifted = Fused.multiplyAdd(limited, broadcast(LOG2_E), broadcast(ROUND));
      FloatVector whole = shifted.sub(ROUND);
      FloatVector r = Fused.multiplyAdd(whole, broadcast(-LN2_HIGH), limited);
      r = Fused.multiplyAdd(whole, broadcast(-LN2_LOW), r);
      FloatVector p = broadcast(1.9875691500e-4f);
      p = Fused.multiplyAdd(p, r, broadcast(1.3981999507e-3f));
      p = Fused.multiplyAdd(p, r, broadcast(8.3334519073e-3f));
      p = Fused.multiplyAdd(p, r, broadcast(4.1665795894e-2f));
      p = Fused.multiplyAdd(p, r, broadcast(1.6666665459e-1f));
      p = Fused.multiplyAdd(p, r, broadcast(5.0000001201e-1f));
      p = Fused.multiplyAdd(p.mul(r), r, r).add(1f);
      var power =
          shifted
              .reinterpretAsInts()
              .sub(Float.floatToRawIntBits(ROUND))
              .lanewise(VectorOperators.LSHL, 23);
      p.reinterpretAsInts()
          .add(power)
          .reinterpretAsFloats()
          .blend(0f, v.lt(-87.3f))
          .blend(Float.POSITIVE_INFINITY, v.lt(88.7f).not())
          .blend(Float.NaN, v.test(VectorOperators.IS_NAN))
          .intoArray(x, i);
    }
  }

  /** x = e^(x − shift); gives the sum of the results. */
  public static float expShifted(float[] x, int offset, float shift, int n) {
    int i = n / COUNT * COUNT;
    expVectors(x, offset, shift, i);
    for (; i < n; i++) {
      x[offset + i] = (float) Math.exp(x[offset + i] - shift);
    }
    // A loop of its own: carried through the one above, the sum would be an object.
    return sum(x, offset, n);
  }

  /** The sum of a run of values. */
  static float sum(float[] x, int offset, int n) {
    FloatVector sums = FloatVector.zero(SPECIES);
    int i = 0;
    for (; i + COUNT <= n; i += COUNT) {
      sums = sums.add(FloatVector.fromArray(SPECIES, x, offset + i));
    }
    float sum = Lanes.sum(sums);
    for (; i < n; i++) {
      sum += x[offset + i];
    }
    return sum;
  }

  /** The largest value; NaN if any is. */
  public static float maximum(float[] x, int offset, int n) {
    float maximum = Float.NEGATIVE_INFINITY;
    int i = 0;
    if (n >= COUNT) {
      FloatVector maxima = FloatVector.fromArray(SPECIES, x, offset);
      for (i = COUNT; i + COUNT <= n; i += COUNT) {
        maxima = maxima.max(FloatVector.fromArray(SPECIES, x, offset + i));
      }
      maximum = maxima.reduceLanes(VectorOperators.MAX);
    }
    for (; i < n; i++) {
      maximum = Math.max(maximum, x[offset + i]);
    }
    return maximum;
  }

  /** The largest magnitude; NaN if any value is. */
  public static float largest(float[] x, int offset, int n) {
    float largest = 0;
    for (int i = offset; i < offset + n; i++) {
      largest = Math.max(largest, Math.abs(x[i]));
    }
    return largest;
  }

  private static FloatVector broadcast(float value) {
    return FloatVector.broadcast(SPECIES, value);
  }
}
