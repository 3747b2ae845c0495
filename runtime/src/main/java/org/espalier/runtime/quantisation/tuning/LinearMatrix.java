package org.espalier.runtime.quantisation.tuning;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.Rotation;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;
import org.espalier.api.tensor.ElementType;

/**
 * One matrix of a linear as diag(left) B diag(right), decoded.
 *
 * @param core B
 * @param left empty where the outputs are not scaled
 * @param right empty where the inputs are not scaled
 */
record LinearMatrix(FloatMatrix core, Optional<float[]> left, Optional<float[]> right) {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort BITS16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  static LinearMatrix of(
      EncodedLinear linear, int expert, LinearAlgebra algebra, Parallel parallel) {
    if (!(linear.form() instanceof LinearForm.Tiled tiled)) {
      return new LinearMatrix(plain(linear, expert), Optional.empty(), Optional.empty());
    }
    int rows = linear.shape().outputs();
    int columns = linear.shape().inputs();
    FloatMatrix core = FloatMatrix.zeros(rows, columns);
    int tileRows = tiled.grid().rows();
    int tileColumns = tiled.grid().columns();
    float[] tiles = new float[columns / tileColumns * tiled.grid().size()];
    for (int row = 0; row < rows / tileRows; row++) {
      tiled.core().decode(expert, row, 0, columns / tileColumns, tiles, 0);
      for (int i = 0; i < tiles.length; i++) {
        int tile = i / tiled.grid().size();
        int inTile = i % tiled.grid().size();
        core.values()[
                (row * tileRows + inTile / tileColumns) * columns
                    + tile * tileColumns
                    + inTile % tileColumns] =
            tiles[i];
      }
    }
    Optional<float[]> left = scales(linear, tiled.output(), expert, rows);
    Optional<float[]> right = scales(linear, tiled.input(), expert, columns);
    if (left.isPresent()) {
      algebra.transformColumns(core, parallel);
    }
    if (right.isPresent()) {
      algebra.transformRows(core, parallel);
    }
    return new LinearMatrix(core, left, right);
  }

  private static Optional<float[]> scales(
      EncodedLinear linear, Rotation rotation, int expert, int length) {
    return switch (rotation) {
      case Rotation.Identity() -> Optional.empty();
      case Rotation.SignedHadamard(int block, MemorySegment signs) -> {
        if (block != length) {
          throw new Unsupported(
              "%s is rotated in blocks of %d: only whole rotations of %d can be tuned"
                  .formatted(linear.id(), block, length));
        }
        long bytes = (long) length * Float.BYTES;
        yield Optional.of(signs.asSlice(expert * bytes, bytes).toArray(F32));
      }
    };
  }

  /** A matrix of plain numbers. */
  static FloatMatrix plain(EncodedLinear linear, int expert) {
    if (!(linear.form() instanceof LinearForm.Dense dense)) {
      throw new Unsupported("%s is encoded, and cannot be tuned so".formatted(linear.id()));
    }
    int rows = linear.shape().outputs();
    int columns = linear.shape().inputs();
    FloatMatrix matrix = FloatMatrix.zeros(rows, columns);
    MemorySegment weights = dense.matrices().get(expert);
    float[] values = matrix.values();
    if (dense.element() == ElementType.F32) {
      MemorySegment.copy(weights, F32, 0, values, 0, values.length);
      return matrix;
    }
    boolean half = dense.element() == ElementType.F16;
    for (int i = 0; i < values.length; i++) {
      short bits = weights.get(BITS16, (long) i * Short.BYTES);
      values[i] = half ? Float.float16ToFloat(bits) : Float.intBitsToFloat(bits << Short.SIZE);
    }
    return matrix;
  }
}
