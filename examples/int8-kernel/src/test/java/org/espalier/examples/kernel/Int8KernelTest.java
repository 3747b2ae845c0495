package org.espalier.examples.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.backend.Precision;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.KernelInput;
import org.espalier.backend.cpu.spi.Scratch;
import org.espalier.examples.codec.Int8Codec;
import org.junit.jupiter.api.Test;

class Int8KernelTest {
  private static final LinearShape SHAPE = new LinearShape(2, 5, 39);
  private static final int ROWS = 3;
  private static final Random RANDOM = new Random(1);

  @Test
  void runsAsANamedModule() {
    assertTrue(Int8Kernels.class.getModule().isNamed());
  }

  @Test
  void productsAreThoseOfTheDecodedWeights() {
    EncodedLinear linear = claimed();
    LinearForm.Tiled tiled = assertInstanceOf(LinearForm.Tiled.class, linear.form());
    float[] x = gaussian(ROWS * SHAPE.inputs());
    float[] weights = new float[SHAPE.inputs()];
    int tiles = SHAPE.inputs() / tiled.grid().columns();
    for (int expert = 0; expert < SHAPE.experts(); expert++) {
      float[] y = multiply(linear, expert, x, 0, SHAPE.outputs());
      for (int output = 0; output < SHAPE.outputs(); output++) {
        tiled.core().decode(expert, output, 0, tiles, weights, 0);
        for (int row = 0; row < ROWS; row++) {
          double sum = 0;
          for (int i = 0; i < SHAPE.inputs(); i++) {
            sum += (double) weights[i] * x[row * SHAPE.inputs() + i];
          }
          assertEquals(sum, y[row * SHAPE.outputs() + output], 1e-4);
        }
      }
    }
  }

  @Test
  void outputsDoNotDependOnHowTheyAreDivided() {
    EncodedLinear linear = claimed();
    float[] x = gaussian(ROWS * SHAPE.inputs());
    assertArrayEquals(
        multiply(linear, 1, x, 0, SHAPE.outputs()), multiply(linear, 1, x, 0, 1, 4, 5));
  }

  @Test
  void othersAreDeclinedInWords() {
    EncodedLinear own = claimed();
    EncodedLinear other =
        new EncodedLinear(
            own.id(), new CodecId("other"), own.layout(), SHAPE, own.form(), own.parts());
    EncodedLinear newer =
        new EncodedLinear(own.id(), own.codec(), 2, SHAPE, own.form(), own.parts());
    for (EncodedLinear linear : List.of(other, newer)) {
      assertInstanceOf(
          Offer.Declined.class, new Int8Kernels().offer(linear, Precision.FAST), "no kernel");
    }
  }

  /** [rows × outputs], computed in as many calls as there are boundaries less one. */
  private static float[] multiply(EncodedLinear linear, int expert, float[] x, int... boundaries) {
    CpuKernel kernel =
        new Int8Kernels().offer(linear, Precision.EXACT).orElseThrow(Unsupported::new);
    KernelInput input = KernelInput.allocate(ROWS, kernel.inputBytes(), kernel.inputFloats());
    Arrays.fill(input.floats(), Float.NaN); // what lies about in reused buffers must not matter
    for (int row = 0; row < ROWS; row++) {
      kernel.prepare(x, row * SHAPE.inputs(), input, row);
    }
    float[] y = new float[ROWS * SHAPE.outputs()];
    for (int i = 0; i + 1 < boundaries.length; i++) {
      kernel.multiply(
          expert,
          boundaries[i],
          boundaries[i + 1],
          input,
          0,
          ROWS,
          y,
          0,
          SHAPE.outputs(),
          new Scratch());
    }
    return y;
  }

  private static EncodedLinear claimed() {
    int rows = SHAPE.experts() * SHAPE.outputs();
    byte[] bytes = new byte[rows * SHAPE.inputs()];
    RANDOM.nextBytes(bytes);
    MemorySegment codes = Arena.ofAuto().allocate(bytes.length);
    codes.copyFrom(MemorySegment.ofArray(bytes));
    MemorySegment scales = Arena.ofAuto().allocate((long) rows * Float.BYTES);
    for (int row = 0; row < rows; row++) {
      scales.setAtIndex(
          ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN),
          row,
          RANDOM.nextFloat() / 64);
    }
    Tensor weight =
        new Tensor(
            "w.int8.weight", new StorageType.Block("ggml", 24, "I8"), List.of(2L, 5L, 39L), codes);
    Tensor scale =
        new Tensor("w.int8.scale", new StorageType.Plain(ElementType.F32), List.of(2L, 5L), scales);
    return new Int8Codec()
        .claim(
            new TensorGroup(
                new OperatorId(0, Role.EXPERT_UP),
                "w",
                SHAPE,
                Map.of("int8.weight", weight, "int8.scale", scale)))
        .orElseThrow(Unsupported::new);
  }

  private static float[] gaussian(int length) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) RANDOM.nextGaussian();
    }
    return values;
  }
}
