package org.espalier.backend.cpu.qtip;

import java.util.Arrays;
import java.util.Random;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.CpuKernelProvider;
import org.espalier.backend.cpu.spi.KernelInput;
import org.espalier.backend.cpu.spi.Scratch;

/** Calls kernels as a backend would. */
final class KernelRun {
  private KernelRun() {}

  static float[] gaussian(int length, long seed) {
    Random random = new Random(seed);
    float[] x = new float[length];
    for (int i = 0; i < length; i++) {
      x[i] = (float) random.nextGaussian();
    }
    return x;
  }

  /** [rows × outputs], computed in as many calls as there are boundaries less one. */
  static float[] multiply(
      CpuKernel kernel, EncodedLinear linear, int expert, float[] x, int rows, int... boundaries) {
    int inputs = linear.shape().inputs();
    int outputs = linear.shape().outputs();
    int firstRow = 1;
    KernelInput input =
        KernelInput.allocate(firstRow + rows, kernel.inputBytes(), kernel.inputFloats());
    // What lies about in reused buffers must not matter.
    Arrays.fill(input.bytes(), (byte) 0x7F);
    Arrays.fill(input.floats(), Float.NaN);
    for (int row = 0; row < rows; row++) {
      kernel.prepare(x, row * inputs, input, firstRow + row);
    }
    int yOffset = 3;
    int yStride = outputs + 5;
    float[] y = new float[yOffset + rows * yStride];
    Arrays.fill(y, -77);
    Scratch scratch = new Scratch();
    Arrays.fill(scratch.floats(10), Float.NaN);
    for (int i = 0; i + 1 < boundaries.length; i++) {
      kernel.multiply(
          expert,
          boundaries[i],
          boundaries[i + 1],
          input,
          firstRow,
          rows,
          y,
          yOffset,
          yStride,
          scratch);
    }
    float[] result = new float[rows * outputs];
    for (int row = 0; row < rows; row++) {
      System.arraycopy(y, yOffset + row * yStride, result, row * outputs, outputs);
      for (int i = 0; i < 5 && row + 1 < rows; i++) {
        if (y[yOffset + row * yStride + outputs + i] != -77) {
          throw new AssertionError("wrote past the outputs of row " + row);
        }
      }
    }
    return result;
  }

  /** The provider of that name, whose kernels are tried at once. */
  static CpuKernelProvider provider(String name) {
    return QtipKernels.providers(name).stream()
        .filter(provider -> provider.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  /** ‖y − expected‖ / ‖expected‖ of one row. */
  static double relativeError(double[] expected, float[] y, int offset) {
    double error = 0;
    double norm = 0;
    for (int i = 0; i < expected.length; i++) {
      double difference = expected[i] - y[offset + i];
      error += difference * difference;
      norm += expected[i] * expected[i];
    }
    return Math.sqrt(error / norm);
  }
}
