package org.espalier.runtime.quantisation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.espalier.api.EspalierException;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.linear.TileGrid;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;
import org.espalier.backend.cpu.algebra.CpuLinearAlgebra;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MatrixQuantizerTest {
  private static final String NAME = "blk.1.attn_q.weight";

  @ParameterizedTest
  @CsvSource({
    "16,16,16,16",
    "16,64,16,16",
    "64,32,16,16",
    "32,256,16,16",
    "8,512,8,4",
    "64,128,4,32"
  })
  void agreesWithTheReference(int m, int n, int tileRows, int tileColumns) {
    ScalarTiles tiles = new ScalarTiles(new TileGrid(tileRows, tileColumns));
    Case given = Case.random(m, n, m * 31L + n);
    for (Optional<FloatMatrix> outputs :
        List.of(Optional.<FloatMatrix>empty(), Optional.of(Case.moments(m, 3)))) {
      agreesWithTheReference(given, outputs, tiles);
    }
  }

  private static void agreesWithTheReference(
      Case given, Optional<FloatMatrix> outputs, ScalarTiles tiles) {
    QuantizedMatrix plain = quantize(given, outputs, tiles, new PlainAlgebra(), 0);
    QuantizedMatrix fast = quantize(given, outputs, tiles, new CpuLinearAlgebra(), 0);
    ReferenceLdlq reference =
        new ReferenceLdlq(
            given.weights,
            given.hessian,
            outputs,
            given.left,
            given.right,
            RotatedHessian.DEFAULT_DAMPING,
            tiles,
            tiles.newSearch().orElseThrow(EspalierException.Unsupported::new));
    for (QuantizedMatrix actual : new QuantizedMatrix[] {plain, fast}) {
      assertEquals(reference.scale, actual.scale(), 1e-6 * reference.scale);
      assertEquals(reference.proxyEnergy, actual.proxyEnergy(), 1e-4 * reference.proxyEnergy);
      // The reference does not round its scale.
      assertEquals(reference.proxyLoss, actual.proxyLoss(), 0.01 * reference.proxyLoss);
      assertEquals(reference.relativeError, actual.relativeError(), 0.01 * reference.relativeError);
      assertEquals(reference.codes.length, actual.codes().length);
      int different = 0;
      for (int i = 0; i < reference.codes.length; i++) {
        different += reference.codes[i] == actual.codes()[i] ? 0 : 1;
      }
      // A target between two levels may fall to either side.
      assertTrue(different <= reference.codes.length / 500, different + " codes differ");
    }
  }

  @Test
  void feedbackHelps() {
    ScalarTiles tiles = new ScalarTiles(new TileGrid(16, 16));
    Case given = Case.random(64, 128, 5);
    double with = quantize(given, tiles, new CpuLinearAlgebra(), Parallel.SERIAL).proxyLoss();
    MatrixQuantizer quantizer =
        new MatrixQuantizer(new CpuLinearAlgebra(), tiles, Parallel.SERIAL, 0);
    // So much damping that all inputs look alike.
    RotatedHessian flat = quantizer.rotate(NAME, given.hessian, given.right, 1e6);
    double without =
        quantizer
            .quantize(NAME, given.weights, flat, given.left, tiles.packing(64, 128))
            .proxyLoss();
    assertTrue(with < 0.9 * without, with + " against " + without);
  }

  /** A greedy descent: no pass loses more than the one before. */
  @ParameterizedTest
  @CsvSource({"64,64,16,16", "32,256,16,16", "8,128,8,4"})
  void refinementsHelp(int m, int n, int tileRows, int tileColumns) {
    ScalarTiles tiles = new ScalarTiles(new TileGrid(tileRows, tileColumns));
    Case given = Case.random(m, n, 21);
    double unrefined = quantize(given, tiles, new CpuLinearAlgebra(), 0).proxyLoss();
    double before = unrefined;
    for (int refinements = 0; refinements < 3; refinements++) {
      QuantizedMatrix quantized = quantize(given, tiles, new CpuLinearAlgebra(), refinements);
      assertEquals(m * n, quantized.codes().length);
      assertTrue(quantized.proxyLoss() <= before);
      assertEquals(lossOf(given, tiles, quantized), quantized.proxyLoss(), 1e-4 * before);
      before = quantized.proxyLoss();
    }
    assertTrue(before < 0.995 * unrefined, before + " after " + unrefined);
  }

  @Test
  void enlargementScalesTheCode() {
    ScalarTiles tiles = new ScalarTiles(new TileGrid(16, 16));
    Case given = Case.random(64, 128, 8);
    QuantizedMatrix plain = enlarged(given, tiles, 1);
    QuantizedMatrix larger = enlarged(given, tiles, 1.25);
    assertEquals(1.25 * plain.scale(), larger.scale(), 1e-6 * larger.scale());
    assertEquals(lossOf(given, tiles, larger), larger.proxyLoss(), 1e-4 * larger.proxyLoss());
    double coarse = enlarged(given, tiles, 4).proxyLoss();
    assertTrue(coarse > 2 * plain.proxyLoss(), coarse + " against " + plain.proxyLoss());
  }

  private static QuantizedMatrix enlarged(Case given, ScalarTiles tiles, double enlargement) {
    return quantize(
        given,
        new MatrixQuantizer(new CpuLinearAlgebra(), tiles, Parallel.SERIAL, 0, enlargement),
        tiles);
  }

  /** Outputs of which some count more, and together. */
  @ParameterizedTest
  @CsvSource({"64,64,16,16", "128,64,16,16", "32,128,8,4"})
  void outputsCount(int m, int n, int tileRows, int tileColumns) {
    ScalarTiles tiles = new ScalarTiles(new TileGrid(tileRows, tileColumns));
    Case given = Case.random(m, n, 33);
    FloatMatrix alike = FloatMatrix.zeros(m, m);
    for (int i = 0; i < m; i++) {
      alike.values()[i * m + i] = 3;
    }
    for (int refinements = 0; refinements < 2; refinements++) {
      QuantizedMatrix without =
          quantize(given, Optional.empty(), tiles, new CpuLinearAlgebra(), refinements);
      QuantizedMatrix with =
          quantize(given, Optional.of(alike), tiles, new CpuLinearAlgebra(), refinements);
      assertArrayEquals(without.codes(), with.codes());
    }
    Optional<FloatMatrix> outputs = Optional.of(Case.moments(m, 4));
    double before =
        lossOf(
            given,
            outputs,
            tiles,
            quantize(given, Optional.empty(), tiles, new CpuLinearAlgebra(), 0));
    double worth = 0.95;
    for (int refinements = 0; refinements < 3; refinements++) {
      QuantizedMatrix quantized =
          quantize(given, outputs, tiles, new CpuLinearAlgebra(), refinements);
      double after = lossOf(given, outputs, tiles, quantized);
      assertTrue(after < worth * before, after + " after " + before);
      before = after;
      worth = 1;
    }
  }

  /** From the codes alone, in the basis of the weights. */
  private static double lossOf(Case given, ScalarTiles tiles, QuantizedMatrix quantized) {
    return lossOf(given, Optional.empty(), tiles, quantized);
  }

  private static double lossOf(
      Case given, Optional<FloatMatrix> outputs, ScalarTiles tiles, QuantizedMatrix quantized) {
    int m = given.weights.rows();
    int n = given.weights.columns();
    int rows = tiles.grid().rows();
    int columns = tiles.grid().columns();
    FloatMatrix core = FloatMatrix.zeros(m, n);
    float scale = tiles.packing(m, n).storedScale(quantized.scale());
    for (int i = 0; i < m * n; i++) {
      int tile = i / tiles.grid().size();
      int within = i % tiles.grid().size();
      int row = tile / (n / columns) * rows + within / columns;
      int column = tile % (n / columns) * columns + within % columns;
      core.values()[row * n + column] = scale * ScalarTiles.decode(quantized.codes()[i]);
    }
    double[][] h = ReferenceLdlq.rotate(given.hessian, given.right, given.right);
    double[][] w = ReferenceLdlq.rotate(given.weights, given.left, given.right);
    double[][] weighted = new double[m][n];
    for (int r = 0; r < m; r++) {
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
          weighted[r][j] += (w[r][i] - core.get(r, i)) * h[i][j];
        }
      }
    }
    double[][] between =
        outputs.map(g -> ReferenceLdlq.rotate(g, given.left, given.left)).orElse(new double[0][]);
    double loss = 0;
    for (int r = 0; r < m; r++) {
      for (int s = 0; s < m; s++) {
        double factor = outputs.isPresent() ? between[r][s] : r == s ? 1 : 0;
        for (int j = 0; factor != 0 && j < n; j++) {
          loss += factor * weighted[r][j] * (w[s][j] - core.get(s, j));
        }
      }
    }
    return loss / m;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 8})
  void theSameAtAnyThreadCount(int threads) {
    ScalarTiles tiles = new ScalarTiles(new TileGrid(16, 16));
    Case given = Case.random(256, 256, 6);
    QuantizedMatrix serial = quantize(given, tiles, new CpuLinearAlgebra(), Parallel.SERIAL);
    try (WorkerThreads workers = new WorkerThreads(threads)) {
      QuantizedMatrix parallel = quantize(given, tiles, new CpuLinearAlgebra(), workers);
      assertArrayEquals(serial.codes(), parallel.codes());
      assertEquals(serial.scale(), parallel.scale());
      assertEquals(serial.proxyLoss(), parallel.proxyLoss());
      assertEquals(serial.proxyEnergy(), parallel.proxyEnergy());
      assertEquals(serial.relativeError(), parallel.relativeError());
    }
  }

  @Test
  void weightsStayAsTheyAre() {
    Case given = Case.random(32, 32, 7);
    float[] before = given.weights.values().clone();
    float[] hessianBefore = given.hessian.values().clone();
    quantize(given, new ScalarTiles(new TileGrid(16, 16)), new CpuLinearAlgebra(), Parallel.SERIAL);
    assertArrayEquals(before, given.weights.values());
    assertArrayEquals(hessianBefore, given.hessian.values());
  }

  @Test
  void zerosGetScaleOne() {
    Case random = Case.random(32, 32, 8);
    Case given = new Case(FloatMatrix.zeros(32, 32), random.hessian, random.left, random.right);
    QuantizedMatrix quantized =
        quantize(
            given, new ScalarTiles(new TileGrid(16, 16)), new CpuLinearAlgebra(), Parallel.SERIAL);
    assertEquals(1, quantized.scale());
    assertEquals(0, quantized.proxyEnergy());
    assertTrue(Double.isFinite(quantized.proxyLoss()));
    assertEquals(0, quantized.relativeError());
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void weightThatIsNotFinite(float bad) {
    Case given = Case.random(32, 64, 9);
    given.weights.values()[3 * 64 + 5] = bad;
    assertMessage(MalformedModel.class, given, NAME, Float.toString(bad), "row 3", "column 5");
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY})
  void hessianThatIsNotFinite(float bad) {
    Case given = Case.random(32, 64, 10);
    given.hessian.values()[2 * 64 + 7] = bad;
    assertMessage(InvalidRequest.class, given, NAME, Float.toString(bad), "row 2", "column 7");
  }

  @Test
  void hessianThatIsNotPositiveDefinite() {
    Case given = Case.random(32, 64, 11);
    for (int i = 0; i < 64; i++) {
      given.hessian.values()[i * 64 + i] -= 100;
    }
    assertMessage(InvalidRequest.class, given, NAME, "not positive definite", "0.01");
  }

  @Test
  void hessianOfZeros() {
    Case random = Case.random(32, 64, 12);
    Case given = new Case(random.weights, FloatMatrix.zeros(64, 64), random.left, random.right);
    assertMessage(InvalidRequest.class, given, NAME, "no calibration token");
  }

  /** A single token: rank one, which damping alone makes positive definite. */
  @Test
  void hessianOfRankOne() {
    Case random = Case.random(32, 64, 13);
    FloatMatrix one = FloatMatrix.zeros(64, 64);
    FloatMatrix x = random.weights.rows(0, 1);
    new PlainAlgebra().addGram(x, one, Parallel.SERIAL);
    new PlainAlgebra().mirror(one, Parallel.SERIAL);
    Case given = new Case(random.weights, one, random.left, random.right);
    QuantizedMatrix quantized =
        quantize(
            given, new ScalarTiles(new TileGrid(16, 16)), new CpuLinearAlgebra(), Parallel.SERIAL);
    assertTrue(
        quantized.proxyLoss() < 0.002 * quantized.proxyEnergy(),
        quantized.proxyLoss() + " of " + quantized.proxyEnergy());
  }

  private static void assertMessage(
      Class<? extends EspalierException> type, Case given, String... parts) {
    ScalarTiles tiles = new ScalarTiles(new TileGrid(16, 16));
    EspalierException thrown =
        assertThrows(type, () -> quantize(given, tiles, new CpuLinearAlgebra(), Parallel.SERIAL));
    for (String part : parts) {
      assertTrue(thrown.getMessage().contains(part), thrown.getMessage());
    }
  }

  private static QuantizedMatrix quantize(
      Case given, ScalarTiles tiles, LinearAlgebra algebra, Parallel parallel) {
    return quantize(given, new MatrixQuantizer(algebra, tiles, parallel, 0), tiles);
  }

  private static QuantizedMatrix quantize(
      Case given, ScalarTiles tiles, LinearAlgebra algebra, int refinements) {
    MatrixQuantizer quantizer = new MatrixQuantizer(algebra, tiles, Parallel.SERIAL, refinements);
    return quantize(given, quantizer, tiles);
  }

  private static QuantizedMatrix quantize(
      Case given,
      Optional<FloatMatrix> outputs,
      ScalarTiles tiles,
      LinearAlgebra algebra,
      int refinements) {
    MatrixQuantizer quantizer = new MatrixQuantizer(algebra, tiles, Parallel.SERIAL, refinements);
    double damping = RotatedHessian.DEFAULT_DAMPING;
    return quantizer.quantize(
        NAME,
        given.weights,
        quantizer.rotate(NAME, given.hessian, given.right, damping),
        outputs.map(g -> quantizer.rotateOutputs(NAME, g, given.left, damping)),
        given.left,
        tiles.packing(given.weights.rows(), given.weights.columns()));
  }

  private static QuantizedMatrix quantize(
      Case given, MatrixQuantizer quantizer, ScalarTiles tiles) {
    RotatedHessian hessian =
        quantizer.rotate(NAME, given.hessian, given.right, RotatedHessian.DEFAULT_DAMPING);
    return quantizer.quantize(
        NAME,
        given.weights,
        hessian,
        given.left,
        tiles.packing(given.weights.rows(), given.weights.columns()));
  }

  /** A matrix with correlated inputs. */
  private record Case(FloatMatrix weights, FloatMatrix hessian, float[] left, float[] right) {
    static Case random(int m, int n, long seed) {
      Random random = new Random(seed);
      FloatMatrix weights = FloatMatrix.zeros(m, n);
      for (int i = 0; i < m * n; i++) {
        weights.values()[i] = (float) (0.05 * random.nextGaussian());
      }
      FloatMatrix hessian = moments(n, random);
      return new Case(
          weights,
          hessian,
          SignVectors.of(seed, "left", 0, m),
          SignVectors.of(seed, "right", 0, n));
    }

    static FloatMatrix moments(int n, long seed) {
      return moments(n, new Random(seed));
    }

    private static FloatMatrix moments(int n, Random random) {
      int tokens = 2 * n;
      FloatMatrix inputs = FloatMatrix.zeros(tokens, n);
      for (int t = 0; t < tokens; t++) {
        double common = random.nextGaussian();
        for (int j = 0; j < n; j++) {
          double own = random.nextGaussian() / (1 + j % 16);
          inputs.values()[t * n + j] = (float) ((own + 0.3 * common) / Math.sqrt(tokens));
        }
      }
      FloatMatrix hessian = FloatMatrix.zeros(n, n);
      PlainAlgebra algebra = new PlainAlgebra();
      algebra.addGram(inputs, hessian, Parallel.SERIAL);
      algebra.mirror(hessian, Parallel.SERIAL);
      return hessian;
    }
  }
}
