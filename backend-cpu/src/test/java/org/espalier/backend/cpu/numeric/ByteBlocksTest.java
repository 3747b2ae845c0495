package org.espalier.backend.cpu.numeric;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Rows of bytes with scales against their definition, and against products of floats. */
class ByteBlocksTest {
  private static final int ROWS = 8;

  private final SplittableRandom random = new SplittableRandom(5);

  private float[] random(int n) {
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = (float) random.nextGaussian();
    }
    return x;
  }

  private static int[] packed(float[] x, int dimension) {
    int words = ByteBlocks.words(dimension);
    int[] packed = new int[3 + ROWS * words];
    Arrays.fill(packed, -1);
    for (int row = 0; row < ROWS; row++) {
      ByteBlocks.pack(x, row * dimension, packed, 3 + row * words, dimension);
    }
    return packed;
  }

  private static float[] unpacked(int[] packed, int dimension) {
    float[] y = new float[2 + ROWS * dimension];
    ByteBlocks.unpack(packed, 3, y, 2, dimension, ROWS);
    return y;
  }

  /** Value by value, block by block. */
  private static float[] rounded(float[] x, int dimension) {
    float[] y = new float[x.length];
    for (int from = 0; from < x.length; ) {
      int to = Math.min(from + 32, (from / dimension + 1) * dimension);
      float largest = 0;
      for (int i = from; i < to; i++) {
        largest = Math.max(largest, Math.abs(x[i]));
      }
      float scale = Float.float16ToFloat(Float.floatToFloat16(largest / 127));
      for (int i = from; i < to; i++) {
        float units = scale == 0 ? 0 : x[i] * (1 / scale);
        y[i] = Math.clamp(Math.round(Math.rint(units)), -127, 127) * scale;
      }
      from = to;
    }
    return y;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 16, 17, 31, 32, 33, 64, 80, 96, 128, 130, 256})
  void roundsAsDefined(int dimension) {
    float[] x = random(ROWS * dimension);
    Arrays.fill(x, 0, Math.min(32, dimension), 0);
    x[x.length - 1] = 1e-9f;
    float[] y = unpacked(packed(x, dimension), dimension);
    assertArrayEquals(rounded(x, dimension), Arrays.copyOfRange(y, 2, y.length));
    assertEquals(0, y[0]);
    assertEquals(0, y[1]);
  }

  @ParameterizedTest
  @ValueSource(ints = {32, 64, 128, 192, 256})
  void productsHaveTheBitsOfFloats(int dimension) {
    assumeTrue(ByteBlocks.areMultiplied(dimension));
    int[] packed = packed(random(ROWS * dimension), dimension);
    float[] rows = unpacked(packed, dimension);
    float[] x = random(dimension + 1);
    float[] work = new float[2 + Math.max(ByteBlocks.workFloats(), Products.WORK_FLOATS)];
    float[] expected = new float[1 + ROWS];
    float[] actual = new float[1 + ROWS];
    Products.multiply(
        rows, 2, dimension, ROWS, dimension, x, 1, dimension, 1, expected, 1, ROWS, false, work, 2);
    ByteBlocks.multiply(packed, 3, ROWS, dimension, x, 1, actual, 1, work, 2);
    assertArrayEquals(expected, actual);
    float[] sums = random(dimension + 4);
    float[] expectedSums = sums.clone();
    float[] weights = random(ROWS);
    for (int count = 0; count < ROWS - 2; count++) {
      Products.addWeighted(rows, 2, dimension, weights, 2, count, expectedSums, 4);
      ByteBlocks.addWeighted(packed, 3, dimension, weights, 2, count, sums, 4);
      assertArrayEquals(expectedSums, sums);
    }
  }

  @Test
  void whatIsNotFiniteShows() {
    for (float odd : new float[] {Float.NaN, Float.POSITIVE_INFINITY, -1e30f}) {
      float[] x = random(ROWS * 64);
      x[40] = odd;
      float[] y = unpacked(packed(x, 64), 64);
      assertTrue(Float.isFinite(y[2 + 31]));
      assertTrue(!Float.isFinite(y[2 + 40]), odd + " became " + y[2 + 40]);
    }
  }
}
