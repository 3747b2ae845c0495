package org.espalier.backend.cpu.numeric;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.espalier.api.tensor.ElementType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ElementwiseTest {

  @Test
  void exponentialsToTwoUnitsInTheLastPlace() {
    Random random = new Random(1);
    float[] x = new float[Lanes.COUNT];
    for (int trial = 0; trial < 20_000; trial++) {
      float[] in = new float[Lanes.COUNT];
      for (int i = 0; i < x.length; i++) {
        in[i] = (random.nextFloat() - 0.5f) * 170;
        x[i] = in[i];
      }
      Elementwise.expShifted(x, 0, 0, x.length);
      for (int i = 0; i < x.length; i++) {
        double expected = Math.exp(in[i]);
        assertEquals(1, x[i] / expected, 2.5e-7, "e^" + in[i]);
      }
    }
  }

  @Test
  void exponentialsAtTheEdges() {
    float[] edges = {
      Float.NEGATIVE_INFINITY,
      -1000,
      -87.4f,
      0,
      -0f,
      88.5f,
      89,
      1000,
      Float.POSITIVE_INFINITY,
      Float.NaN
    };
    for (float edge : edges) {
      float[] x = new float[Lanes.COUNT];
      java.util.Arrays.fill(x, edge);
      Elementwise.expShifted(x, 0, 0, x.length);
      float expected = (float) Math.exp(edge);
      if (Float.isNaN(expected) || Float.isInfinite(expected) || expected < 1e-37f) {
        assertEquals(expected < 1e-37f ? 0 : expected, x[0], "e^" + edge);
      } else {
        assertEquals(1, x[0] / expected, 2.5e-7, "e^" + edge);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 5, 16, 31, 64, 257})
  void rowOperations(int n) {
    Random random = new Random(n);
    float[] x = new float[n + 2];
    float[] w = new float[n];
    for (int i = 0; i < n; i++) {
      x[2 + i] = (float) random.nextGaussian() * 3;
      w[i] = (float) random.nextGaussian();
    }
    double squares = 0;
    for (int i = 0; i < n; i++) {
      squares += (double) x[2 + i] * x[2 + i];
    }
    float[] normed = new float[n + 1];
    Elementwise.rmsNorm(x, 2, w, 1e-5f, normed, 1);
    float[] gated = x.clone();
    Elementwise.siluTimes(gated, 2, w, 0, n, new float[n]);
    float[] sum = normed.clone();
    Elementwise.addScaled(x, 2, 0.5f, sum, 1, n);
    float[] signed = new float[n];
    Elementwise.multiplySigns(x, 2, MemorySegment.ofArray(w), 0, signed, 0, n);
    float total = 0;
    float[] powers = x.clone();
    total = Elementwise.expShifted(powers, 2, 1, n);
    double expectedTotal = 0;
    for (int i = 0; i < n; i++) {
      double v = x[2 + i];
      assertEquals(w[i] * v / Math.sqrt(squares / n + 1e-5), normed[1 + i], 1e-5);
      assertEquals(v / (1 + Math.exp(-v)) * w[i], gated[2 + i], 1e-5);
      assertEquals(normed[1 + i] + 0.5 * v, sum[1 + i], 1e-5);
      assertEquals((float) v * w[i], signed[i]);
      expectedTotal += Math.exp(v - 1);
    }
    assertEquals(1, total / expectedTotal, 1e-6);
  }

  @Test
  void storedElementsAreReadExactly() {
    short[] bits = new short[1 << 16];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = (short) i;
    }
    MemorySegment bytes = MemorySegment.ofArray(new byte[2 * bits.length]);
    MemorySegment.copy(bits, 0, bytes, Elements.U16, 0, bits.length);
    float[] half = new float[bits.length];
    float[] brain = new float[bits.length];
    Elements.read(ElementType.F16, bytes, 0, bits.length, half, 0);
    Elements.read(ElementType.BF16, bytes, 0, bits.length, brain, 0);
    for (int i = 0; i < bits.length; i++) {
      assertEquals(Float.float16ToFloat((short) i), half[i]);
      assertEquals(Float.intBitsToFloat(i << 16), brain[i]);
    }
    MemorySegment odd = MemorySegment.ofArray(new byte[13]).asSlice(1);
    odd.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 8, 2.5f);
    float[] plain = new float[1];
    Elements.read(ElementType.F32, odd, 2, 1, plain, 0);
    assertTrue(plain[0] == 2.5f);
  }
}
