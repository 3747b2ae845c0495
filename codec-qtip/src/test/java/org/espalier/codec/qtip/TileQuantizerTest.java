package org.espalier.codec.qtip;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.espalier.api.EspalierException;
import org.espalier.api.Offer;
import org.espalier.api.codec.TileQuantizer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class TileQuantizerTest {
  private static final int CODE_BYTES = 66;

  static Stream<TileQuantizer> quantizers() {
    return Stream.<TileQuantizer>of(
            new ExactTileQuantizer(), new FixedPointTileQuantizer(), new PermuteTileQuantizer())
        .filter(quantizer -> quantizer.newSearch() instanceof Offer.Accepted<?>);
  }

  /** Tiles, some of them full of ties, that an independent Viterbi search encoded. */
  @Test
  void theExactSearchGivesTheReferenceCodes() {
    float[] targets = Fixtures.floats("viterbi_tiles.f32");
    byte[] steps = Fixtures.bytes("viterbi_codes.u8");
    int[] starts = Fixtures.ints("viterbi_start.i32");
    byte[] codes = new byte[24 * CODE_BYTES];
    float[] reconstruction = new float[24 * 256];
    search(new ExactTileQuantizer()).quantize(targets, 24, codes, reconstruction);
    for (int tile = 0; tile < 24; tile++) {
      assertArrayEquals(
          Fixtures.codes(starts[tile], steps, tile),
          Arrays.copyOfRange(codes, tile * CODE_BYTES, (tile + 1) * CODE_BYTES),
          "tile " + tile);
    }
    assertArrayEquals(Fixtures.floats("viterbi_recon.f32"), reconstruction);
  }

  @ParameterizedTest
  @MethodSource("quantizers")
  void codesDecodeToTheReconstruction(TileQuantizer quantizer) {
    int count = 5;
    float[] targets = gaussians(count * 256, 3);
    byte[] codes = new byte[count * CODE_BYTES + 1];
    float[] reconstruction = new float[count * 256];
    codes[count * CODE_BYTES] = 77;
    search(quantizer).quantize(targets, count, codes, reconstruction);
    assertEquals(77, codes[count * CODE_BYTES]);
    Codebook codebook = Codebook.load();
    for (int tile = 0; tile < count; tile++) {
      byte[] code = Arrays.copyOfRange(codes, tile * CODE_BYTES, (tile + 1) * CODE_BYTES);
      byte[] block = Fixtures.block(Float.floatToFloat16(1), code);
      float[] decoded = new float[256];
      Trellis.decodeTile(MemorySegment.ofArray(block), 0, codebook, decoded, 0);
      assertArrayEquals(decoded, Arrays.copyOfRange(reconstruction, tile * 256, (tile + 1) * 256));
    }
  }

  @ParameterizedTest
  @MethodSource("quantizers")
  void aTileDependsOnItselfAlone(TileQuantizer quantizer) {
    float[] targets = gaussians(4 * 256, 4);
    byte[] together = new byte[4 * CODE_BYTES];
    TileQuantizer.Search search = search(quantizer);
    search.quantize(targets, 4, together, new float[4 * 256]);
    for (int tile = 3; tile >= 0; tile--) {
      byte[] alone = new byte[CODE_BYTES];
      search.quantize(
          Arrays.copyOfRange(targets, tile * 256, tile * 256 + 256), 1, alone, new float[256]);
      assertArrayEquals(
          Arrays.copyOfRange(together, tile * CODE_BYTES, (tile + 1) * CODE_BYTES), alone);
    }
  }

  /** The trellis code on a unit Gaussian: 0.0678 per weight, against a bound of 0.0625. */
  @Test
  void errorOnGaussianTiles() {
    int count = 4096;
    float[] targets = gaussians(count * 256, 5);
    List<Double> errors =
        quantizers().map(quantizer -> meanSquaredError(quantizer, targets, count)).toList();
    for (double error : errors) {
      assertEquals(0.0678, error, 0.001);
      assertEquals(errors.getFirst(), error, 0.005 * errors.getFirst());
    }
  }

  @ParameterizedTest
  @MethodSource("quantizers")
  void bufferTooSmall(TileQuantizer quantizer) {
    TileQuantizer.Search search = search(quantizer);
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> search.quantize(new float[255], 1, new byte[66], new float[256]));
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> search.quantize(new float[256], 1, new byte[65], new float[256]));
  }

  private static double meanSquaredError(TileQuantizer quantizer, float[] targets, int count) {
    float[] reconstruction = new float[count * 256];
    search(quantizer).quantize(targets, count, new byte[count * CODE_BYTES], reconstruction);
    double sum = 0;
    for (int i = 0; i < reconstruction.length; i++) {
      double error = reconstruction[i] - targets[i];
      sum += error * error;
    }
    return sum / reconstruction.length;
  }

  private static TileQuantizer.Search search(TileQuantizer quantizer) {
    return quantizer.newSearch().orElseThrow(EspalierException.Unsupported::new);
  }

  private static float[] gaussians(int count, long seed) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
