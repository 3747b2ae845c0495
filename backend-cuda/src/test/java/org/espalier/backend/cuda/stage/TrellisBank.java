package org.espalier.backend.cuda.stage;

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

/** A bank of random trellis codes, decoded by the letter of the format, in double precision. */
final class TrellisBank {
  private static final int BLOCK = 68;
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final LinearShape shape;
  private final MemorySegment tiles;
  private final MemorySegment codebook;

  TrellisBank(LinearShape shape, boolean sameScales, long seed) {
    this.shape = shape;
    Random random = new Random(seed);
    int blocks = Math.toIntExact(shape.weights() / 256);
    byte[] bytes = new byte[blocks * BLOCK];
    random.nextBytes(bytes);
    tiles = Arena.ofAuto().allocate(bytes.length);
    MemorySegment.copy(bytes, 0, tiles, ValueLayout.JAVA_BYTE, 0, bytes.length);
    for (int block = 0; block < blocks; block++) {
      // Experts differ in any case.
      int expert = block / (blocks / shape.experts());
      float scale = 0.5f + expert / 4f + (sameScales ? 0 : block % 5 / 16f);
      tiles.set(SHORT, (long) block * BLOCK, Float.floatToFloat16(scale));
    }
    codebook = MemorySegment.ofArray(new byte[512 * 2 * Float.BYTES]);
    for (int i = 0; i < 1024; i++) {
      codebook.set(FLOAT, i * 4L, (float) Math.clamp(random.nextGaussian(), -2.8, 2.8));
    }
  }

  EncodedLinear linear() {
    return new EncodedLinear(
        new OperatorId(0, Role.EXPERT_UP),
        new CodecId("qtip"),
        1,
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
    int columns = shape.inputs() / 16;
    int rows = shape.outputs() / 16;
    double[][] weights = new double[shape.outputs()][shape.inputs()];
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        decode(weights, ((long) expert * rows + row) * columns + column, row, column);
      }
    }
    return weights;
  }

  private void decode(double[][] weights, long block, int tileRow, int tileColumn) {
    long at = block * BLOCK;
    double scale = Float.float16ToFloat(tiles.get(SHORT, at));
    int state = tiles.get(SHORT, at + 2) & 0xffff;
    for (int j = 0; j < 128; j++) {
      if (j > 0) {
        int pair = tiles.get(ValueLayout.JAVA_BYTE, at + 4 + (j - 1) / 2) & 0xff;
        state = (state << 4 | (j % 2 == 1 ? pair & 15 : pair >> 4)) & 0xffff;
      }
      int hashed = state * (state + 1);
      int entry = hashed >> 6 & 511;
      int row = tileRow * 16 + j / 8;
      int column = tileColumn * 16 + j % 8 * 2;
      double second = codebook.get(FLOAT, 8L * entry + 4);
      weights[row][column] = scale * codebook.get(FLOAT, 8L * entry);
      weights[row][column + 1] = scale * ((hashed & 1 << 15) != 0 ? -second : second);
    }
  }
}
