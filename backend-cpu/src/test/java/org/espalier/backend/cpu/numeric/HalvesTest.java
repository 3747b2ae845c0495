package org.espalier.backend.cpu.numeric;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HalvesTest {
  private static final int ROWS = 12;

  private final SplittableRandom random = new SplittableRandom(7);

  private float[] values(int n, double largest) {
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = (float) random.nextDouble(-largest, largest);
    }
    return x;
  }

  /** Rows of all magnitudes that halves have, subnormal ones and zeros too. */
  private float[] rows(int dimension) {
    float[] x = values(ROWS * dimension, 1);
    for (int i = 0; i < x.length; i++) {
      x[i] = Float.float16ToFloat(Float.floatToFloat16(Math.scalb(x[i], random.nextInt(-26, 16))));
    }
    return x;
  }

  private static int[] pack(float[] x, int dimension, int offset) {
    int stride = Halves.words(dimension);
    int[] words = new int[offset + ROWS * stride];
    for (int row = 0; row < ROWS; row++) {
      assertEquals(
          true, Halves.pack(x, row * dimension, words, offset + row * stride, dimension), "finite");
    }
    return words;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 64, 80, 100, 128, 130, 192, 256, 300})
  void givesWhatTheSameFloatsGive(int dimension) {
    float[] x = rows(dimension);
    int[] words = pack(x, dimension, 3);
    float[] back = new float[2 + x.length];
    Halves.unpack(words, 3, back, 2, dimension, ROWS);
    assertArrayEquals(x, Arrays.copyOfRange(back, 2, back.length));
    Arrays.fill(back, -1);
    Halves.unpackFinite(words, 3, back, 2, dimension, ROWS);
    assertArrayEquals(x, Arrays.copyOfRange(back, 2, back.length));

    float[] query = values(1 + dimension, 3);
    float[] expected = new float[ROWS];
    Products.multiply(
        x,
        0,
        dimension,
        ROWS,
        dimension,
        query,
        1,
        dimension,
        1,
        expected,
        0,
        ROWS,
        false,
        new float[Products.WORK_FLOATS],
        0);
    float[] products = new float[5 + ROWS];
    float[] work = new float[1 + Halves.workFloats()];
    Halves.multiply(words, 3, ROWS, dimension, query, 1, products, 5, work, 1);
    // Bit by bit, or nobody asks for it.
    float tolerance = Halves.areMultiplied(dimension) ? 0 : 0.1f;
    assertArrayEquals(expected, Arrays.copyOfRange(products, 5, 5 + ROWS), tolerance);

    for (int count : new int[] {0, 1, ROWS - 1}) {
      float[] weights = values(2 + ROWS, 1);
      float[] sums = values(4 + dimension, 1);
      float[] expectedSums = sums.clone();
      Products.addWeighted(x, 0, dimension, weights, 2, count, expectedSums, 4);
      Halves.addWeighted(words, 3, dimension, weights, 2, count, sums, 4);
      assertArrayEquals(expectedSums, sums, tolerance);
    }
  }

  @Test
  void everyHalfComesBack() {
    int dimension = 1 << 16;
    float[] x = new float[dimension];
    for (int bits = 0; bits < dimension; bits++) {
      x[bits] = Float.float16ToFloat((short) bits);
    }
    int[] words = new int[Halves.words(dimension)];
    assertEquals(false, Halves.pack(x, 0, words, 0, dimension), "infinities are among them");
    float[] back = new float[dimension];
    Halves.unpack(words, 0, back, 0, dimension, 1);
    assertArrayEquals(x, back);
  }

  @Test
  void whatIsTooLargeIsNotFinite() {
    for (int dimension : new int[] {5, 96, 97}) {
      for (int at = 0; at < dimension; at++) {
        float[] x = new float[dimension];
        int[] words = new int[Halves.words(dimension)];
        x[at] = 65504;
        assertEquals(true, Halves.pack(x, 0, words, 0, dimension));
        x[at] = at % 2 == 0 ? -70000 : Float.NaN;
        assertEquals(false, Halves.pack(x, 0, words, 0, dimension));
      }
    }
  }
}
