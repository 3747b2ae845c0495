package org.espalier.backend.cpu.dense;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.backend.Precision;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.tensor.ElementType;
import org.espalier.backend.cpu.numeric.Elements;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.KernelInput;
import org.espalier.backend.cpu.spi.Scratch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RoundedKernelsTest {
  private static final int OUTPUTS = 4096 + 37;
  private static final int INPUTS = 38;

  private final Random random = new Random(3);
  private final float[] weights = gaussian(OUTPUTS * INPUTS);

  private float[] gaussian(int n) {
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private EncodedLinear linear(int outputs) {
    MemorySegment bytes = MemorySegment.ofArray(new byte[outputs * INPUTS * Float.BYTES]);
    for (int i = 0; i < outputs * INPUTS; i++) {
      bytes.set(Elements.F32, (long) i * Float.BYTES, weights[i]);
    }
    return new EncodedLinear(
        new OperatorId(-1, Role.HEAD),
        CodecId.PLAIN,
        0,
        new LinearShape(1, outputs, INPUTS),
        new LinearForm.Dense(ElementType.F32, List.of(bytes)),
        Map.of());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void multipliesByRoundedWeights(int rows) {
    CpuKernel kernel =
        new RoundedKernels().offer(linear(OUTPUTS), Precision.FAST).orElseThrow(Unsupported::new);
    float[] x = gaussian(rows * INPUTS);
    KernelInput input = KernelInput.allocate(rows, kernel.inputBytes(), kernel.inputFloats());
    for (int row = 0; row < rows; row++) {
      kernel.prepare(x, row * INPUTS, input, row);
    }
    float[] y = new float[rows * OUTPUTS];
    Scratch scratch = new Scratch();
    int block = kernel.outputBlock();
    for (int from = 0; from < OUTPUTS; from += 3 * block) {
      int to = Math.min(OUTPUTS, from + 3 * block);
      kernel.multiply(0, from, to, input, 0, rows, y, 0, OUTPUTS, scratch);
    }
    for (int row = 0; row < rows; row++) {
      for (int o = 0; o < OUTPUTS; o++) {
        double sum = 0;
        for (int k = 0; k < INPUTS; k++) {
          short bits = Elements.toBrain(weights[o * INPUTS + k]);
          sum += (double) Float.intBitsToFloat(bits << 16) * x[row * INPUTS + k];
        }
        assertEquals(sum, y[row * OUTPUTS + o], 1e-4);
      }
    }
    float[] alone = new float[OUTPUTS];
    kernel.multiply(0, 0, OUTPUTS, input, rows - 1, 1, alone, 0, OUTPUTS, scratch);
    float[] inCompany = Arrays.copyOfRange(y, (rows - 1) * OUTPUTS, rows * OUTPUTS);
    assertArrayEquals(inCompany, alone, "a row's result depends on the others");
  }

  @Test
  void leavesSmallAndExactMatricesToOthers() {
    assertInstanceOf(
        Offer.Declined.class, new RoundedKernels().offer(linear(OUTPUTS), Precision.EXACT));
    assertInstanceOf(Offer.Declined.class, new RoundedKernels().offer(linear(64), Precision.FAST));
  }
}
