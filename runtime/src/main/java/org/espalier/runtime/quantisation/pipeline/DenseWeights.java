package org.espalier.runtime.quantisation.pipeline;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.tensor.ElementType;

/** Reads plain weights. */
final class DenseWeights {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort BITS16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private DenseWeights() {}

  /** The stored form. */
  static LinearForm.Dense of(EncodedLinear linear) {
    return switch (linear.form()) {
      case LinearForm.Dense dense -> dense;
      case LinearForm.Tiled _ -> throw new IllegalStateException("not plain: " + linear.id());
    };
  }

  /** One matrix of a bank. */
  static FloatMatrix matrix(EncodedLinear linear, int expert) {
    int columns = linear.shape().inputs();
    FloatMatrix matrix = FloatMatrix.zeros(linear.shape().outputs(), columns);
    for (int row = 0; row < matrix.rows(); row++) {
      row(linear, expert, row, matrix.values(), row * columns);
    }
    return matrix;
  }

  /** One row of one matrix. */
  static void row(EncodedLinear linear, int expert, int row, float[] target, int offset) {
    LinearForm.Dense dense = of(linear);
    MemorySegment weights = dense.matrices().get(expert);
    int columns = linear.shape().inputs();
    long at = (long) row * columns * dense.element().bytes();
    if (dense.element() == ElementType.F32) {
      MemorySegment.copy(weights, F32, at, target, offset, columns);
      return;
    }
    boolean half = dense.element() == ElementType.F16;
    for (int i = 0; i < columns; i++) {
      short bits = weights.get(BITS16, at + (long) i * Short.BYTES);
      target[offset + i] =
          half ? Float.float16ToFloat(bits) : Float.intBitsToFloat(bits << Short.SIZE);
    }
  }

  /**
   * Makes sure that all weights are numbers.
   *
   * @param name for messages
   * @throws MalformedModel when one is not
   */
  static void requireFinite(String name, EncodedLinear linear, int expert) {
    float[] values = new float[linear.shape().inputs()];
    for (int row = 0; row < linear.shape().outputs(); row++) {
      row(linear, expert, row, values, 0);
      for (int column = 0; column < values.length; column++) {
        if (!Float.isFinite(values[column])) {
          throw new MalformedModel(
              "a weight of %s is %s (expert %d, row %d, column %d): the model cannot be quantised; the checkpoint may be damaged"
                  .formatted(name, values[column], expert, row, column));
        }
      }
    }
  }
}
