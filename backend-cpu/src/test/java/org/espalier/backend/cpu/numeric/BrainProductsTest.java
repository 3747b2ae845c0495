package org.espalier.backend.cpu.numeric;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BrainProductsTest {

  @ParameterizedTest
  @CsvSource({"1,2", "3,6", "4,32", "5,34", "9,130", "64,256", "7,512"})
  void equalsThePlainSum(int outputs, int inner) {
    Random random = new Random(outputs * 1000 + inner);
    float[] weights = new float[outputs * inner];
    int[] w = new int[1 + weights.length / 2];
    for (int i = 0; i < weights.length; i++) {
      short bits = Elements.toBrain((float) random.nextGaussian());
      weights[i] = Float.intBitsToFloat(bits << 16);
      w[1 + i / 2] |= i % 2 == 0 ? bits & 0xFFFF : bits << 16;
    }
    float[] x = new float[1 + inner];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) random.nextGaussian();
    }
    float[] separated = new float[3 + inner];
    BrainProducts.separate(x, 1, inner, separated, 3);
    float[] y = new float[2 + outputs];
    BrainProducts.multiply(w, 1, outputs, inner, separated, 3, y, 2);
    for (int o = 0; o < outputs; o++) {
      double sum = 0;
      for (int k = 0; k < inner; k++) {
        sum += (double) weights[o * inner + k] * x[1 + k];
      }
      assertEquals(sum, y[2 + o], 1e-4);
    }
  }

  @Test
  void roundsToTheNearest() {
    Random random = new Random(5);
    for (int i = 0; i < 100_000; i++) {
      float value = Float.intBitsToFloat(random.nextInt());
      float rounded = Float.intBitsToFloat(Elements.toBrain(value) << 16);
      if (Float.isNaN(value)) {
        assertTrue(Float.isNaN(rounded));
      } else if (Math.abs(value) > 1e-30f && Math.abs(value) < 1e38f) {
        assertTrue(Math.abs(value - rounded) <= Math.abs(value) / 256, value + " → " + rounded);
      }
    }
    assertEquals(0x3F80, Elements.toBrain(1.00390625f), "a tie goes to the even neighbour");
    assertEquals(0x3F82, Elements.toBrain(1.01171875f), "a tie goes to the even neighbour");
  }
}
