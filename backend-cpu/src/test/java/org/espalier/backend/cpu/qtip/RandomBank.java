package org.espalier.backend.cpu.qtip;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.Random;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.linear.Rotation;
import org.espalier.api.linear.TileGrid;

/**
 * Banks of random blocks, decoded by the letter of the format's description in double precision.
 */
final class RandomBank {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  final LinearShape shape;
  final MemorySegment tiles;
  final MemorySegment codebook;

  RandomBank(int experts, int outputs, int inputs, float scale, long seed) {
    shape = new LinearShape(experts, outputs, inputs);
    Random random = new Random(seed);
    int blocks = experts * (outputs / 16) * (inputs / 16);
    byte[] bytes = new byte[blocks * 68];
    random.nextBytes(bytes);
    // Exactly as long as it must be, so that reading past the end is found out.
    tiles = Arena.ofAuto().allocate(bytes.length);
    MemorySegment.copy(bytes, 0, tiles, ValueLayout.JAVA_BYTE, 0, bytes.length);
    for (int block = 0; block < blocks; block++) {
      setScale(block, Float.floatToFloat16(scale));
    }
    codebook = MemorySegment.ofArray(new byte[512 * 2 * 4]);
    for (int i = 0; i < 1024; i++) {
      float value = (float) Math.clamp(random.nextGaussian(), -2.8, 2.8);
      codebook.set(FLOAT, i * 4L, value);
    }
  }

  void setScale(int block, short half) {
    tiles.set(SHORT, block * 68L, half);
  }

  EncodedLinear linear() {
    return linear("qtip", 1, tiles, codebook);
  }

  EncodedLinear linear(String codec, int layout, MemorySegment tiles, MemorySegment codebook) {
    return new EncodedLinear(
        new OperatorId(0, Role.EXPERT_UP),
        new CodecId(codec),
        layout,
        shape,
        new LinearForm.Tiled(
            new Rotation.Identity(),
            new TileGrid(16, 16),
            (_, _, _, _, _, _) -> {
              throw new AssertionError("kernels for qtip decode for themselves");
            },
            new Rotation.Identity()),
        Map.of("tiles", tiles, "codebook", codebook));
  }

  /** The matrix of one expert, [outputs][inputs]. */
  double[][] weights(int expert) {
    int tileColumns = shape.inputs() / 16;
    double[][] weights = new double[shape.outputs()][shape.inputs()];
    for (int tileRow = 0; tileRow < shape.outputs() / 16; tileRow++) {
      for (int tileColumn = 0; tileColumn < tileColumns; tileColumn++) {
        long block = ((long) expert * (shape.outputs() / 16) + tileRow) * tileColumns + tileColumn;
        double[] tile = tile(block * 68);
        for (int i = 0; i < 256; i++) {
          weights[tileRow * 16 + i / 16][tileColumn * 16 + i % 16] = tile[i];
        }
      }
    }
    return weights;
  }

  private double[] tile(long at) {
    double scale = Float.float16ToFloat(tiles.get(SHORT, at));
    int state = tiles.get(SHORT, at + 2) & 0xFFFF;
    double[] tile = new double[256];
    for (int j = 0; j < 128; j++) {
      if (j > 0) {
        int code = tiles.get(ValueLayout.JAVA_BYTE, at + 4 + (j - 1) / 2) >> 4 * ((j - 1) % 2) & 15;
        state = (state << 4 | code) & 0xFFFF;
      }
      int x = state * (state + 1);
      int index = x >>> 6 & 511;
      double second = codebook.get(FLOAT, index * 8L + 4);
      tile[2 * j] = scale * codebook.get(FLOAT, index * 8L);
      tile[2 * j + 1] = scale * ((x >>> 15 & 1) == 1 ? -second : second);
    }
    return tile;
  }

  /** y = W x for one row of activations. */
  double[] multiply(int expert, float[] x, int offset) {
    double[][] weights = weights(expert);
    double[] y = new double[shape.outputs()];
    for (int o = 0; o < y.length; o++) {
      for (int i = 0; i < shape.inputs(); i++) {
        y[o] += weights[o][i] * x[offset + i];
      }
    }
    return y;
  }
}
