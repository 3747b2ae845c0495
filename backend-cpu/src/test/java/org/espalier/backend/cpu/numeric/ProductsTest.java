package org.espalier.backend.cpu.numeric;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProductsTest {

  private static float[] gaussian(int n, long seed) {
    Random random = new Random(seed);
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = (float) random.nextGaussian();
    }
    return x;
  }

  @ParameterizedTest
  @CsvSource({
    "1,1,1",
    "3,5,2",
    "4,16,4",
    "5,17,5",
    "16,256,1",
    "16,256,9",
    "7,31,13",
    "33,100,3",
    "2,48,4"
  })
  void equalsThePlainSum(int outputs, int inner, int rows) {
    int ws = inner + 3;
    int xs = inner + 5;
    int ys = outputs + 2;
    float[] w = gaussian(2 + outputs * ws, 1);
    float[] x = gaussian(1 + rows * xs, 2);
    for (boolean accumulate : new boolean[] {false, true}) {
      float[] y = gaussian(4 + rows * ys, 3);
      float[] before = y.clone();
      Products.multiply(
          w,
          2,
          ws,
          outputs,
          inner,
          x,
          1,
          xs,
          rows,
          y,
          4,
          ys,
          accumulate,
          new float[Products.WORK_FLOATS],
          0);
      for (int i = 0; i < 4; i++) {
        assertEquals(before[i], y[i]);
      }
      for (int r = 0; r < rows; r++) {
        for (int o = 0; o < ys && 4 + r * ys + o < y.length; o++) {
          double expected = before[4 + r * ys + o];
          if (o < outputs) {
            double sum = accumulate ? expected : 0;
            for (int k = 0; k < inner; k++) {
              sum += (double) w[2 + o * ws + k] * x[1 + r * xs + k];
            }
            expected = sum;
          }
          assertEquals(expected, y[4 + r * ys + o], 1e-4, "row " + r + " output " + o);
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1", "3,5", "4,16", "9,67", "64,256"})
  void anOutputDependsOnNothingButItsWeightsAndItsRow(int outputs, int inner) {
    float[] w = gaussian(outputs * inner, 4);
    float[] x = gaussian(6 * inner, 5);
    float[] together = new float[6 * outputs];
    Products.multiply(
        w,
        0,
        inner,
        outputs,
        inner,
        x,
        0,
        inner,
        6,
        together,
        0,
        outputs,
        false,
        new float[Products.WORK_FLOATS],
        0);
    for (int r = 0; r < 6; r++) {
      for (int o = 0; o < outputs; o++) {
        float[] alone = new float[1];
        Products.multiply(
            w,
            o * inner,
            inner,
            1,
            inner,
            x,
            r * inner,
            inner,
            1,
            alone,
            0,
            1,
            false,
            new float[Products.WORK_FLOATS],
            0);
        assertEquals(alone[0], together[r * outputs + o]);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1", "3,5", "4,16", "9,67", "64,256"})
  void readingInPlaceGivesTheSameBits(int outputs, int inner) {
    float[] w = gaussian(outputs * inner, 6);
    float[] x = gaussian(inner, 7);
    ByteBuffer bytes = ByteBuffer.allocate(4 * w.length + 8).order(ByteOrder.LITTLE_ENDIAN);
    bytes.position(8);
    for (float value : w) {
      bytes.putFloat(value);
    }
    float[] expected = new float[outputs];
    float[] actual = new float[outputs];
    Products.multiply(
        w,
        0,
        inner,
        outputs,
        inner,
        x,
        0,
        inner,
        1,
        expected,
        0,
        outputs,
        false,
        new float[Products.WORK_FLOATS],
        0);
    Products.multiplyInPlace(
        MemorySegment.ofArray(bytes.array()),
        8,
        outputs,
        inner,
        x,
        0,
        actual,
        0,
        new float[Products.WORK_FLOATS],
        0);
    org.junit.jupiter.api.Assertions.assertArrayEquals(expected, actual);
  }

  @ParameterizedTest
  @CsvSource({"1,1", "6,3", "64,7", "128,64", "100,5"})
  void weightedSums(int dimension, int count) {
    float[] v = gaussian(2 + dimension * count, 8);
    float[] p = gaussian(1 + count, 9);
    float[] y = gaussian(dimension + 3, 10);
    float[] before = y.clone();
    Products.addWeighted(v, 2, dimension, p, 1, count, y, 3);
    for (int d = 0; d < dimension; d++) {
      double sum = before[3 + d];
      for (int j = 0; j < count; j++) {
        sum += (double) v[2 + j * dimension + d] * p[1 + j];
      }
      assertEquals(sum, y[3 + d], 1e-4);
    }
  }
}
