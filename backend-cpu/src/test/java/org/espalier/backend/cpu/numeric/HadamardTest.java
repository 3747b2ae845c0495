package org.espalier.backend.cpu.numeric;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HadamardTest {

  /** Entry (i, j) of Ĥ is (−1)^popcount(i ∧ j) / √n. */
  private static double[] byDefinition(float[] x, int offset, int length, int block) {
    double[] y = new double[length];
    for (int at = 0; at < length; at += block) {
      for (int i = 0; i < block; i++) {
        for (int j = 0; j < block; j++) {
          int sign = Integer.bitCount(i & j) % 2 == 0 ? 1 : -1;
          y[at + i] += sign * x[offset + at + j] / Math.sqrt(block);
        }
      }
    }
    return y;
  }

  @ParameterizedTest
  @CsvSource({
    "1,1",
    "2,2",
    "4,4",
    "8,8",
    "16,16",
    "32,32",
    "64,64",
    "128,128",
    "512,512",
    "2048,2048",
    "96,32",
    "48,16",
    "24,8",
    "6,2",
    "768,256",
    "1024,64"
  })
  void followsTheDefinition(int length, int block) {
    Random random = new Random(length * 31 + block);
    int offset = 3;
    float[] x = new float[length + 7];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) random.nextGaussian();
    }
    double[] expected = byDefinition(x, offset, length, block);
    float[] before = {x[0], x[1], x[2]};
    Hadamard.transform(x, offset, length, block);
    for (int i = 0; i < length; i++) {
      assertTrue(Math.abs(expected[i] - x[offset + i]) < 2e-6, "at " + i);
    }
    assertArrayEquals(before, new float[] {x[0], x[1], x[2]});
  }
}
