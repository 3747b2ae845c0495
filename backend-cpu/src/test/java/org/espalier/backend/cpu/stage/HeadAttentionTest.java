package org.espalier.backend.cpu.stage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.espalier.api.backend.CacheType;
import org.espalier.api.backend.CacheTypes;
import org.espalier.backend.cpu.spi.Scratch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Attention of one head against the sum as it is written in books. */
class HeadAttentionTest {
  private static final int HEADS = 3;
  private static final int HEAD = 1;

  private final SplittableRandom random = new SplittableRandom(11);

  /** Keys and values of all heads, [position × head × dimension]. */
  private float[] random(int n, double largest) {
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = (float) random.nextDouble(-largest, largest);
    }
    return x;
  }

  private static KeyValueCache cache(
      CacheType type, int dimension, int length, float[] keys, float[] values) {
    KeyValueCache cache = new KeyValueCache(HEADS, dimension, CacheTypes.both(type));
    cache.reserve(length);
    for (int position = 0; position < length; position++) {
      cache.putKeys(position, keys, position * HEADS * dimension);
      cache.putValues(position, values, position * HEADS * dimension);
    }
    return cache;
  }

  /** The rows at the last positions, computed together or one by one. */
  private static float[] attend(
      KeyValueCache cache, int dimension, int length, float[] x, int rows, boolean together) {
    int[] positions = new int[rows];
    Arrays.setAll(positions, row -> length - rows + row);
    float[] y = new float[x.length];
    HeadAttention attention = new HeadAttention();
    Scratch scratch = new Scratch();
    int block = together ? rows : 1;
    for (int row = 0; row < rows; row += block) {
      attention.attend(
          scratch, cache, HEAD, dimension, positions, row, block, x, y, row * dimension, dimension);
    }
    return y;
  }

  private static double[] reference(
      int dimension, int length, float[] x, int row, float[] keys, float[] values) {
    double[] weights = new double[length];
    double maximum = Double.NEGATIVE_INFINITY;
    for (int position = 0; position < length; position++) {
      for (int k = 0; k < dimension; k++) {
        int at = (position * HEADS + HEAD) * dimension + k;
        weights[position] += (double) x[row * dimension + k] * keys[at];
      }
      maximum = Math.max(maximum, weights[position]);
    }
    double sum = 0;
    for (int position = 0; position < length; position++) {
      weights[position] = Math.exp(weights[position] - maximum);
      sum += weights[position];
    }
    double[] y = new double[dimension];
    for (int position = 0; position < length; position++) {
      for (int k = 0; k < dimension; k++) {
        y[k] += weights[position] / sum * values[(position * HEADS + HEAD) * dimension + k];
      }
    }
    return y;
  }

  @ParameterizedTest
  @CsvSource({
    "F16,128,1",
    "F16,128,5",
    "F16,128,64",
    "F16,128,65",
    "F16,128,257",
    "F16,128,600",
    "F16,64,130",
    "F16,80,131",
    "F16,24,66",
    "F16,17,70",
    "F16,1,3",
    "F16,256,90",
    "F32,128,300",
    "F32,20,67",
    "BF16,128,300",
    "BF16,34,67",
    "Q8_0,128,300",
    "Q8_0,64,70",
    "Q8_0,32,259",
    "Q8_0,256,66",
    "Q8_0,96,67",
    "Q8_0,40,9",
    "Q8_0,17,70",
    "Q8_0,1,3"
  })
  void isTheSumOfTheBooks(CacheType type, int dimension, int length) {
    int rows = Math.min(length, 3);
    float[] keys = random(length * HEADS * dimension, 2);
    float[] values = random(length * HEADS * dimension, 2);
    float[] x = random(rows * dimension, 3 / Math.sqrt(dimension));
    KeyValueCache cache = cache(type, dimension, length, keys, values);
    float[] alone = attend(cache, dimension, length, x, rows, false);
    assertArrayEquals(
        attend(cache, dimension, length, x, rows, true), alone, "whatever the company");
    double tolerance =
        switch (type) {
          case F32 -> 2e-6;
          case F16 -> 2e-3;
          case BF16, Q8_0 -> 2e-2;
        };
    for (int row = 0; row < rows; row++) {
      double[] expected = reference(dimension, length - rows + 1 + row, x, row, keys, values);
      for (int k = 0; k < dimension; k++) {
        assertEquals(expected[k], alone[row * dimension + k], tolerance, "row " + row);
      }
    }
  }

  @Test
  void whatHalvesCannotHoldIsNotMadeUp() {
    int dimension = 128;
    int length = 40;
    float[] keys = random(length * HEADS * dimension, 2);
    float[] values = random(length * HEADS * dimension, 2);
    values[(7 * HEADS + HEAD) * dimension + 5] = 1e6f;
    float[] x = random(dimension, 0.3);
    float[] y =
        attend(
            cache(CacheType.F16, dimension, length, keys, values), dimension, length, x, 1, false);
    assertEquals(Float.POSITIVE_INFINITY, y[5]);
    assertTrue(Float.isFinite(y[6]));
  }

  @Test
  void largeQueriesDoNotOverflow() {
    int dimension = 64;
    int length = 70;
    float[] keys = random(length * HEADS * dimension, 1e-4);
    float[] values = random(length * HEADS * dimension, 2);
    float[] x = random(dimension, 1e5);
    KeyValueCache exact = cache(CacheType.F32, dimension, length, keys, values);
    KeyValueCache halves = cache(CacheType.F16, dimension, length, keys, values);
    assertArrayEquals(
        attend(exact, dimension, length, x, 1, false),
        attend(halves, dimension, length, x, 1, false),
        0.05f);
  }
}
