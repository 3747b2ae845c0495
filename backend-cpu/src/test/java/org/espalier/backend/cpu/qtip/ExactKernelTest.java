package org.espalier.backend.cpu.qtip;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.stream.Stream;
import org.espalier.api.EspalierException;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Every way to decode and to multiply, against the format's description. */
class ExactKernelTest {
  enum Variant {
    SCALAR,
    LANES,
    GATHER;

    CpuKernel kernel(RandomBank bank) {
      QtipCore core = QtipCore.of(bank.linear()).orElseThrow(EspalierException.Unsupported::new);
      PairTable table = new PairTable(core.codebook());
      return switch (this) {
        case SCALAR ->
            new ExactKernel("s", core, new ScalarPanelDecoder(table), new ScalarPanelMultiplier());
        case LANES ->
            new ExactKernel("l", core, new LanePanelDecoder(table), new VectorPanelMultiplier());
        case GATHER ->
            new ExactKernel("g", core, new GatherPanelDecoder(table), new VectorPanelMultiplier());
      };
    }
  }

  record Case(int experts, int outputs, int inputs, int rows) {}

  static Stream<Case> cases() {
    return Stream.of(
        new Case(1, 16, 256, 1),
        new Case(1, 16, 16, 1),
        new Case(1, 16, 512, 2),
        new Case(3, 48, 512, 3),
        new Case(1, 48, 144, 5),
        new Case(2, 32, 256, 8),
        new Case(1, 32, 272, 9),
        new Case(1, 16, 256, 17),
        new Case(1, 16, 256, 64));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void matchesTheDescription(Case c) {
    RandomBank bank = new RandomBank(c.experts, c.outputs, c.inputs, 0.037f, 11);
    float[] x = KernelRun.gaussian(c.rows * c.inputs, 12);
    for (int expert = 0; expert < c.experts; expert++) {
      float[] first = null;
      for (Variant variant : Variant.values()) {
        float[] y =
            KernelRun.multiply(
                variant.kernel(bank), bank.linear(), expert, x, c.rows, 0, c.outputs);
        for (int row = 0; row < c.rows; row++) {
          double[] expected = bank.multiply(expert, x, row * c.inputs);
          double error = KernelRun.relativeError(expected, y, row * c.outputs);
          assertTrue(error < 1e-6, variant + ", expert " + expert + ", row " + row + ": " + error);
        }
        first = first == null ? y : first;
        assertArrayEquals(first, y, "all variants give the same bits");
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void neitherSplittingNorBatchingChangesABit(Variant variant) {
    RandomBank bank = new RandomBank(1, 96, 256, 1.5f, 21);
    float[] x = KernelRun.gaussian(7 * 256, 22);
    CpuKernel kernel = variant.kernel(bank);
    float[] whole = KernelRun.multiply(kernel, bank.linear(), 0, x, 7, 0, 96);
    assertArrayEquals(whole, KernelRun.multiply(kernel, bank.linear(), 0, x, 7, 0, 16, 64, 80, 96));
    for (int row = 0; row < 7; row++) {
      float[] one =
          KernelRun.multiply(
              kernel,
              bank.linear(),
              0,
              Arrays.copyOfRange(x, row * 256, row * 256 + 256),
              1,
              0,
              96);
      assertArrayEquals(Arrays.copyOfRange(whole, row * 96, row * 96 + 96), one);
    }
  }

  @ParameterizedTest
  @EnumSource
  void scalesMayDifferFromBlockToBlock(Variant variant) {
    RandomBank bank = new RandomBank(2, 32, 512, 1, 31);
    short[] scales = {
      Float.floatToFloat16(0.01f),
      Float.floatToFloat16(-2.5f),
      0,
      1, // the smallest subnormal
      0x03FF, // the largest
      Float.floatToFloat16(0.75f)
    };
    for (int block = 0; block < 2 * 2 * 32; block++) {
      bank.setScale(block, scales[(block / 3) % scales.length]);
    }
    float[] x = KernelRun.gaussian(3 * 512, 32);
    float[] y = KernelRun.multiply(variant.kernel(bank), bank.linear(), 1, x, 3, 0, 16, 32);
    for (int row = 0; row < 3; row++) {
      double error = KernelRun.relativeError(bank.multiply(1, x, row * 512), y, row * 32);
      assertTrue(error < 1e-6, variant + ": " + error);
    }
  }

  @ParameterizedTest
  @EnumSource
  void aZeroScaleGivesZeroAndNanGivesNan(Variant variant) {
    RandomBank bank = new RandomBank(1, 48, 32, 0, 41);
    bank.setScale(2, (short) 0x7E00);
    float[] x = KernelRun.gaussian(32, 42);
    float[] y = KernelRun.multiply(variant.kernel(bank), bank.linear(), 0, x, 1, 0, 48);
    for (int i = 0; i < 48; i++) {
      assertEquals(i >= 16 && i < 32 ? Float.NaN : 0, y[i] + 0, "output " + i);
    }
  }

  @Test
  void subnormalScalesAreExact() {
    RandomBank bank = new RandomBank(1, 16, 256, 1, 51);
    for (int block = 0; block < 16; block++) {
      bank.setScale(block, (short) 0x0155);
    }
    float[] x = KernelRun.gaussian(256, 52);
    for (Variant variant : Variant.values()) {
      float[] y = KernelRun.multiply(variant.kernel(bank), bank.linear(), 0, x, 1, 0, 16);
      assertTrue(KernelRun.relativeError(bank.multiply(0, x, 0), y, 0) < 1e-6);
    }
  }
}
