package org.espalier.testkit.reference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HadamardTest {
  @ParameterizedTest
  @CsvSource({"1,1", "3,1", "2,2", "8,8", "12,4", "24,8", "64,64", "96,32"})
  void equalsItsDefinition(int dimension, int block) {
    double[] x = new Random(dimension).doubles(dimension, -1, 1).toArray();
    double[] expected = byDefinition(x, block);
    double[] actual = x.clone();
    Hadamard.transform(actual, block);
    assertArrayEquals(expected, actual, 1e-14);
    Hadamard.transform(actual, block);
    assertArrayEquals(x, actual, 1e-14, "it is its own inverse");
  }

  static double[] byDefinition(double[] x, int block) {
    double[] y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      int start = i / block * block;
      for (int j = start; j < start + block; j++) {
        int sign = Integer.bitCount((i - start) & (j - start)) % 2 == 0 ? 1 : -1;
        y[i] += sign * x[j] / Math.sqrt(block);
      }
    }
    return y;
  }
}
