package org.espalier.backend.cpu.qtip;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.espalier.api.EspalierException;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The kernel with integer arithmetic against the format's description, and vectors against scalars.
 */
class ByteKernelTest {
  enum Variant {
    SCALAR,
    /** Right on every machine, if slow where the instructions are missing. */
    VBMI;

    CpuKernel kernel(RandomBank bank) {
      QtipCore core = QtipCore.of(bank.linear()).orElseThrow(EspalierException.Unsupported::new);
      ByteCodebook codebook = new ByteCodebook(core.codebook());
      return new ByteKernel(
          name(),
          core,
          codebook,
          this == SCALAR ? new ScalarByteMultiplier(codebook) : new VbmiMultiplier(codebook));
    }
  }

  record Case(int experts, int outputs, int inputs, int rows) {}

  static Stream<Case> cases() {
    return Stream.of(
        new Case(1, 16, 256, 1),
        new Case(1, 16, 16, 1),
        new Case(1, 32, 512, 2),
        new Case(3, 48, 512, 3),
        new Case(1, 48, 144, 5),
        new Case(1, 16, 272, 8),
        new Case(1, 16, 288, 9),
        new Case(1, 16, 256, 17),
        new Case(1, 16, 256, 64));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void isWithinItsError(Case c) {
    RandomBank bank = new RandomBank(c.experts, c.outputs, c.inputs, 0.037f, 11);
    float[] x = KernelRun.gaussian(c.rows * c.inputs, 12);
    for (int expert = 0; expert < c.experts; expert++) {
      float[] scalar =
          KernelRun.multiply(
              Variant.SCALAR.kernel(bank), bank.linear(), expert, x, c.rows, 0, c.outputs);
      double errors = 0;
      for (int row = 0; row < c.rows; row++) {
        double error =
            KernelRun.relativeError(
                bank.multiply(expert, x, row * c.inputs), scalar, row * c.outputs);
        assertTrue(error < 0.03, "expert " + expert + ", row " + row + ": " + error);
        errors += error;
      }
      assertTrue(errors / c.rows < 0.016, "mean error " + errors / c.rows);
      float[] vectors =
          KernelRun.multiply(
              Variant.VBMI.kernel(bank), bank.linear(), expert, x, c.rows, 0, c.outputs);
      assertArrayEquals(scalar, vectors, "the same bits");
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
      float[] part = Arrays.copyOfRange(x, row * 256, row * 256 + 256);
      assertArrayEquals(
          Arrays.copyOfRange(whole, row * 96, row * 96 + 96),
          KernelRun.multiply(kernel, bank.linear(), 0, part, 1, 0, 96));
    }
  }

  /** All activations at the limit: no sum may leave the range of a short. */
  @ParameterizedTest
  @EnumSource
  void extremeActivationsDoNotOverflow(Variant variant) {
    RandomBank bank = new RandomBank(1, 64, 512, 1, 61);
    for (float magnitude : new float[] {1e-30f, 1, 3e18f}) {
      float[] x = new float[512];
      Random random = new Random(62);
      for (int i = 0; i < x.length; i++) {
        x[i] = random.nextBoolean() ? magnitude : -magnitude;
      }
      float[] y = KernelRun.multiply(variant.kernel(bank), bank.linear(), 0, x, 1, 0, 64);
      double error = KernelRun.relativeError(bank.multiply(0, x, 0), y, 0);
      assertTrue(error < 0.02, magnitude + ": " + error);
    }
  }

  @ParameterizedTest
  @EnumSource
  void oneLargeActivationLeavesTheOthersSmallButRight(Variant variant) {
    RandomBank bank = new RandomBank(1, 32, 512, 1, 71);
    float[] x = KernelRun.gaussian(512, 72);
    x[77] = 1000;
    float[] y = KernelRun.multiply(variant.kernel(bank), bank.linear(), 0, x, 1, 0, 32);
    assertTrue(KernelRun.relativeError(bank.multiply(0, x, 0), y, 0) < 0.03);
  }

  @ParameterizedTest
  @EnumSource
  void scalesMayDifferFromBlockToBlock(Variant variant) {
    RandomBank bank = new RandomBank(2, 32, 512, 1, 31);
    short[] scales = {
      Float.floatToFloat16(0.01f), Float.floatToFloat16(-2.5f), 0, 1, 0x03FF, 0x3A00
    };
    for (int block = 0; block < 2 * 2 * 32; block++) {
      bank.setScale(block, scales[(block / 3) % scales.length]);
    }
    float[] x = KernelRun.gaussian(3 * 512, 32);
    float[] y = KernelRun.multiply(variant.kernel(bank), bank.linear(), 1, x, 3, 0, 16, 32);
    for (int row = 0; row < 3; row++) {
      double error = KernelRun.relativeError(bank.multiply(1, x, row * 512), y, row * 32);
      assertTrue(error < 0.02, variant + ": " + error);
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

  @ParameterizedTest
  @EnumSource
  void zeroActivationsGiveZeroAndBrokenOnesGiveNan(Variant variant) {
    RandomBank bank = new RandomBank(1, 16, 512, 1, 81);
    float[] x = new float[512];
    CpuKernel kernel = variant.kernel(bank);
    for (float value : KernelRun.multiply(kernel, bank.linear(), 0, x, 1, 0, 16)) {
      assertEquals(0, value + 0);
    }
    for (float broken : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      x[300] = broken;
      for (float value : KernelRun.multiply(kernel, bank.linear(), 0, x, 1, 0, 16)) {
        assertTrue(Float.isNaN(value), broken + " gave " + value);
      }
    }
  }
}
