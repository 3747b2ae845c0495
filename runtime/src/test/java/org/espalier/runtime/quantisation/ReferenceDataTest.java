package org.espalier.runtime.quantisation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.espalier.api.EspalierException;
import org.espalier.api.codec.Packing;
import org.espalier.api.codec.TileQuantizer;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;
import org.espalier.backend.cpu.algebra.CpuLinearAlgebra;
import org.espalier.codec.qtip.ExactTileQuantizer;
import org.espalier.codec.qtip.FixedPointTileQuantizer;
import org.espalier.codec.qtip.QtipCodec;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Matrices that an independent implementation of the same algorithm quantised. */
class ReferenceDataTest {
  private static final int CODE_BYTES = 66;

  private final LinearAlgebra algebra = new CpuLinearAlgebra();

  @Test
  void smallMatrix() {
    Given given =
        new Given(
            "small_16x64",
            FloatMatrix.of(Fixtures.floats("small_16x64.W.f32"), 16, 64),
            FloatMatrix.of(Fixtures.floats("small_16x64.H.f32"), 64, 64));
    given.check(new ExactTileQuantizer(), 0.9731083740064039, 165.66183310455955, 1);
    given.check(new FixedPointTileQuantizer(), 0.9731083740064039, 165.66183310455955, 0);
  }

  /** Queries of a trained model. */
  @Test
  void trainedMatrix() {
    Given given =
        new Given(
            "attn_q_256x256",
            FloatMatrix.of(Fixtures.bfloat16s("attn_q_256x256.W.bf16"), 256, 256),
            FloatMatrix.of(Fixtures.symmetric("attn_q_256x256.H.lower.f32", 256), 256, 256));
    given.check(new ExactTileQuantizer(), 0.04539610016349077, 0.013191407960042449, 0.99);
    given.check(new FixedPointTileQuantizer(), 0.04539610016349077, 0.013191407960042449, 0);
  }

  /** Two more, too large to be kept here. */
  @ParameterizedTest
  @CsvSource({
    "L01.expert_03_gate_proj, 0.04883525930652831, 0.016279847881830463",
    "L03.expert_07_down_proj, 0.04772735927972283, 0.014844883276950955"
  })
  void trainedExperts(String name, double scale, double proxyLoss) throws IOException {
    String folder = System.getProperty("espalier.reference");
    Assumptions.assumeTrue(
        folder != null, "needs -Despalier.reference=FOLDER with the data of tiny-tales");
    Path quant = Path.of(folder, "reference", "quant");
    Given given =
        new Given(
            name,
            FloatMatrix.of(
                Fixtures.floats(Files.readAllBytes(quant.resolve(name + ".W.f32"))), 256, 256),
            FloatMatrix.of(
                Fixtures.floats(Files.readAllBytes(quant.resolve(name + ".H.f32"))), 256, 256),
            Fixtures.signs(Files.readAllBytes(quant.resolve(name + ".sign_l.i8"))),
            Fixtures.signs(Files.readAllBytes(quant.resolve(name + ".sign_r.i8"))),
            Fixtures.codes(
                Files.readAllBytes(quant.resolve(name + ".start.i32")),
                Files.readAllBytes(quant.resolve(name + ".codes.u8")),
                16,
                16));
    given.check(new ExactTileQuantizer(), scale, proxyLoss, 0.99);
    given.check(new FixedPointTileQuantizer(), scale, proxyLoss, 0);
  }

  @Test
  void rotationOfTheSmallMatrix() {
    FloatMatrix rotated =
        rotated(FloatMatrix.of(Fixtures.floats("small_16x64.W.f32"), 16, 64), "small_16x64");
    compare(Fixtures.floats("small_16x64.Wrht.f32"), rotated, 1);
  }

  @Test
  void rotationOfTheTrainedMatrix() {
    FloatMatrix rotated =
        rotated(
            FloatMatrix.of(Fixtures.bfloat16s("attn_q_256x256.W.bf16"), 256, 256),
            "attn_q_256x256");
    compare(Fixtures.floats("attn_q_256x256.Wrht.every_17th_row.f32"), rotated, 17);
  }

  private FloatMatrix rotated(FloatMatrix weights, String name) {
    return Rotations.rotate(
        weights,
        Fixtures.signs(name + ".sign_l.i8"),
        Fixtures.signs(name + ".sign_r.i8"),
        (value, row, column) -> new EspalierException.MalformedModel("not finite"),
        algebra,
        Parallel.SERIAL);
  }

  private static void compare(float[] expected, FloatMatrix actual, int everyRow) {
    double squares = 0;
    double differences = 0;
    for (int i = 0; i < expected.length; i++) {
      int row = i / actual.columns() * everyRow;
      double difference = expected[i] - actual.get(row, i % actual.columns());
      squares += (double) expected[i] * expected[i];
      differences += difference * difference;
    }
    assertTrue(Math.sqrt(differences / squares) < 1e-6, "off by " + differences / squares);
  }

  /**
   * One matrix with its Hessian.
   *
   * @param name of its fixtures
   */
  private record Given(
      String name,
      FloatMatrix weights,
      FloatMatrix hessian,
      float[] left,
      float[] right,
      byte[] codes) {
    Given(String name, FloatMatrix weights, FloatMatrix hessian) {
      this(
          name,
          weights,
          hessian,
          Fixtures.signs(name + ".sign_l.i8"),
          Fixtures.signs(name + ".sign_r.i8"),
          Fixtures.bytes(name + ".codes"));
    }

    void check(TileQuantizer tiles, double scale, double proxyLoss, double sameTiles) {
      int m = weights.rows();
      int n = weights.columns();
      Packing packing =
          new QtipCodec()
              .packing(new LinearShape(1, Math.max(16, m), Math.max(256, n)))
              .orElseThrow(EspalierException.Unsupported::new);
      MatrixQuantizer quantizer =
          new MatrixQuantizer(new CpuLinearAlgebra(), tiles, Parallel.SERIAL, 0);
      RotatedHessian rotated =
          quantizer.rotate(name, hessian, right, RotatedHessian.DEFAULT_DAMPING);
      QuantizedMatrix quantized = quantizer.quantize(name, weights, rotated, left, packing);
      assertEquals(scale, quantized.scale(), 1e-6 * scale);
      assertEquals(proxyLoss, quantized.proxyLoss(), 0.005 * proxyLoss);
      byte[] expected = codes;
      assertEquals(expected.length, quantized.codes().length);
      int same = 0;
      for (int at = 0; at < expected.length; at += CODE_BYTES) {
        boolean equal = true;
        for (int i = at; i < at + CODE_BYTES; i++) {
          equal &= expected[i] == quantized.codes()[i];
        }
        same += equal ? 1 : 0;
      }
      assertTrue(same >= sameTiles * expected.length / CODE_BYTES, same + " tiles are the same");
    }
  }
}
