package org.espalier.backend.cpu.dense;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
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
import org.espalier.api.linear.Rotation;
import org.espalier.api.linear.TileDecoder;
import org.espalier.api.linear.TileGrid;
import org.espalier.api.tensor.ElementType;
import org.espalier.backend.cpu.numeric.Elements;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.KernelInput;
import org.espalier.backend.cpu.spi.Scratch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RoundedKernelsTest {
  private static final int OUTPUTS = 4096 + 37;
  private static final int INPUTS = 192;
  private static final int BLOCK = 32;

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

  /** The same numbers as blocks of ggml's, of which few outputs are enough. */
  private EncodedLinear blocks(CodecId codec, int outputs) {
    MemorySegment bytes = ((LinearForm.Dense) linear(outputs).form()).matrices().getFirst();
    TileDecoder decoder =
        (_, row, column, count, target, offset) ->
            System.arraycopy(weights, row * INPUTS + column * BLOCK, target, offset, count * BLOCK);
    LinearForm.Tiled form =
        new LinearForm.Tiled(
            new Rotation.Identity(), new TileGrid(1, BLOCK), decoder, new Rotation.Identity());
    return new EncodedLinear(
        new OperatorId(0, Role.QUERY),
        codec,
        6,
        new LinearShape(1, outputs, INPUTS),
        form,
        Map.of("blocks", bytes));
  }

  @ParameterizedTest
  @CsvSource({
    "1, 4133, false",
    "2, 4133, false",
    "3, 4133, false",
    "8, 4133, false",
    "1, 70, true",
    "5, 128, true"
  })
  void multipliesByRoundedWeights(int rows, int outputs, boolean ofBlocks) {
    EncodedLinear linear = ofBlocks ? blocks(new CodecId("ggml"), outputs) : linear(outputs);
    CpuKernel kernel =
        new RoundedKernels().offer(linear, Precision.FAST).orElseThrow(Unsupported::new);
    assertEquals(ofBlocks ? "blocks-as-bytes" : "dense-as-bytes", kernel.name());
    assertTrue(kernel.copyBytes() > (long) outputs * INPUTS, "it says what the copy takes");
    float[] x = gaussian(rows * INPUTS);
    KernelInput input = KernelInput.allocate(rows, kernel.inputBytes(), kernel.inputFloats());
    for (int row = 0; row < rows; row++) {
      kernel.prepare(x, row * INPUTS, input, row);
    }
    float[] y = new float[rows * outputs];
    Scratch scratch = new Scratch();
    int block = kernel.outputBlock();
    for (int from = 0; from < outputs; from += 3 * block) {
      int to = Math.min(outputs, from + 3 * block);
      kernel.multiply(0, from, to, input, 0, rows, y, 0, outputs, scratch);
    }
    float[] alone = new float[outputs];
    for (int row = 0; row < rows; row++) {
      kernel.multiply(0, 0, outputs, input, row, 1, alone, 0, outputs, scratch);
      double errors = 0;
      double squares = 0;
      for (int o = 0; o < outputs; o++) {
        double rounded = 0;
        double exact = 0;
        for (int k = 0; k < INPUTS; k++) {
          float value = x[row * INPUTS + k];
          rounded += rounded(o * INPUTS + k) * value;
          exact += (double) weights[o * INPUTS + k] * value;
        }
        float result = y[row * outputs + o];
        assertEquals(rounded, result, 1e-4);
        assertEquals(alone[o], result, 0f);
        errors += (exact - result) * (exact - result);
        squares += exact * exact;
      }
      assertEquals(0, Math.sqrt(errors / squares), 0.008);
    }
  }

  /** A weight as a byte times its scale: the largest of 64 neighbours is 127. */
  private double rounded(int index) {
    int block = index / ByteWeights.COLUMNS * ByteWeights.COLUMNS;
    float largest = 0;
    for (int i = block; i < block + ByteWeights.COLUMNS; i++) {
      largest = Math.max(largest, Math.abs(weights[i]));
    }
    return Math.rint(weights[index] * (127 / largest)) * (largest / 127);
  }

  @Test
  void leavesSmallAndExactMatricesToOthers() {
    assertInstanceOf(
        Offer.Declined.class, new RoundedKernels().offer(linear(OUTPUTS), Precision.EXACT));
    assertInstanceOf(Offer.Declined.class, new RoundedKernels().offer(linear(64), Precision.FAST));
    EncodedLinear blocks = blocks(new CodecId("ggml"), 64);
    assertInstanceOf(Offer.Declined.class, new RoundedKernels().offer(blocks, Precision.EXACT));
    blocks = blocks(new CodecId("another"), 64);
    assertInstanceOf(Offer.Declined.class, new RoundedKernels().offer(blocks, Precision.FAST));
  }
}
