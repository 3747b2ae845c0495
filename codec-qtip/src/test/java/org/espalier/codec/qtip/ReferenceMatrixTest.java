package org.espalier.codec.qtip;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import org.espalier.api.EspalierException;
import org.espalier.api.Offer;
import org.espalier.api.codec.Packing;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.Rotation;
import org.espalier.api.linear.TileDecoder;
import org.espalier.api.tensor.Tensor;
import org.junit.jupiter.api.Test;

/**
 * Whole matrices that an independent implementation quantised and multiplied out again: what the
 * codec says of them must be W = diag(sign_l) Ĥ C Ĥ diag(sign_r).
 */
final class ReferenceMatrixTest {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  @Test
  void smallMatrix() {
    double scale = 0.9731083740064039;
    LinearShape shape = new LinearShape(1, 16, 64);
    byte[] codes = codes("small_16x64", shape);
    MemorySegment blocks = MemorySegment.ofArray(new byte[4 * 68]);
    new QtipPacking(shape).pack(4, codes, 1, blocks);
    BlockDecoder decoder = new BlockDecoder(shape, blocks, Codebook.load());
    double[][] actual =
        weights(
            shape,
            decoder,
            Fixtures.signs("small_16x64.sign_l.i8"),
            Fixtures.signs("small_16x64.sign_r.i8"));
    float[] expected = Fixtures.floats("small_16x64.What.f32");
    for (int row = 0; row < 16; row++) {
      for (int column = 0; column < 64; column++) {
        assertEquals(expected[row * 64 + column], scale * actual[row][column], 1e-6);
      }
    }
  }

  /** A trained matrix, through packing and claim as a reader of the file would meet it. */
  @Test
  void queriesOfATrainedModel() {
    float scale = 0.04539610016349077f;
    LinearShape shape = new LinearShape(1, 256, 256);
    float[] left = Fixtures.signs("attn_q_256x256.sign_l.i8");
    float[] right = Fixtures.signs("attn_q_256x256.sign_r.i8");
    EncodedLinear linear = claim(shape, codes("attn_q_256x256", shape), scale, left, right);

    LinearForm.Tiled form = assertInstanceOf(LinearForm.Tiled.class, linear.form());
    double[][] actual = weights(shape, form.core(), signs(form.output()), signs(form.input()));
    // Every 17th row. The reference did not round its scale to a half, which the file does.
    float[] expected = Fixtures.floats("attn_q_256x256.every_17th_row.f32");
    double rounding = scale / Float.float16ToFloat(Float.floatToFloat16(scale));
    for (int i = 0; i < 16; i++) {
      for (int column = 0; column < 256; column++) {
        assertEquals(expected[i * 256 + column], rounding * actual[17 * i][column], 1e-7);
      }
    }
  }

  private static EncodedLinear claim(
      LinearShape shape, byte[] codes, float scale, float[] left, float[] right) {
    QtipCodec codec = new QtipCodec();
    Packing packing = accepted(codec.packing(shape));
    int tiles = (int) Fixtures.tiles(shape);
    MemorySegment blocks = MemorySegment.ofArray(new byte[tiles * packing.packedBytes()]);
    packing.pack(tiles, codes, scale, blocks);
    Map<String, Tensor> members = new HashMap<>();
    put(members, packing.tiles(), blocks);
    put(members, packing.inputSigns(), Fixtures.segment(right));
    put(members, packing.outputSigns(), Fixtures.segment(left));
    return accepted(codec.claim(Fixtures.group(shape, members)));
  }

  private static void put(Map<String, Tensor> members, Packing.Member member, MemorySegment bytes) {
    Fixtures.put(members, member.suffix(), member.type(), member.shape(), bytes);
  }

  private static <T> T accepted(Offer<T> offer) {
    return offer.orElseThrow(EspalierException.Unsupported::new);
  }

  private static float[] signs(Rotation rotation) {
    return assertInstanceOf(Rotation.SignedHadamard.class, rotation).signs().toArray(FLOAT);
  }

  /** Codes in the file's order; the reference has columns of tiles outermost. */
  private static byte[] codes(String name, LinearShape shape) {
    byte[] steps = Fixtures.bytes(name + ".codes.u8");
    int[] starts = Fixtures.ints(name + ".start.i32");
    int rows = shape.outputs() / 16;
    int columns = shape.inputs() / 16;
    byte[] codes = new byte[rows * columns * 66];
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        int tile = column * rows + row;
        byte[] one = Fixtures.codes(starts[tile], steps, tile);
        System.arraycopy(one, 0, codes, (row * columns + column) * 66, 66);
      }
    }
    return codes;
  }

  /** The matrix as plain numbers, by multiplying everything out in double. */
  private static double[][] weights(
      LinearShape shape, TileDecoder decoder, float[] left, float[] right) {
    int outputs = shape.outputs();
    int inputs = shape.inputs();
    double[][] core = core(shape, decoder);
    double[][] matrix = multiply(hadamard(outputs), multiply(core, hadamard(inputs)));
    for (int row = 0; row < outputs; row++) {
      for (int column = 0; column < inputs; column++) {
        matrix[row][column] *= left[row] * right[column];
      }
    }
    return matrix;
  }

  private static double[][] core(LinearShape shape, TileDecoder decoder) {
    double[][] core = new double[shape.outputs()][shape.inputs()];
    float[] tile = new float[256];
    for (int row = 0; row < shape.outputs() / 16; row++) {
      for (int column = 0; column < shape.inputs() / 16; column++) {
        decoder.decode(0, row, column, 1, tile, 0);
        for (int i = 0; i < 256; i++) {
          core[16 * row + i / 16][16 * column + i % 16] = tile[i];
        }
      }
    }
    return core;
  }

  /**
   * Sylvester's order: the sign of an entry is the parity of the bits that row and column share.
   */
  private static double[][] hadamard(int size) {
    double[][] matrix = new double[size][size];
    for (int row = 0; row < size; row++) {
      for (int column = 0; column < size; column++) {
        int sign = Integer.bitCount(row & column) % 2 == 0 ? 1 : -1;
        matrix[row][column] = sign / Math.sqrt(size);
      }
    }
    return matrix;
  }

  private static double[][] multiply(double[][] a, double[][] b) {
    double[][] product = new double[a.length][b[0].length];
    for (int i = 0; i < a.length; i++) {
      for (int k = 0; k < b.length; k++) {
        for (int j = 0; j < b[0].length; j++) {
          product[i][j] += a[i][k] * b[k][j];
        }
      }
    }
    return product;
  }
}
