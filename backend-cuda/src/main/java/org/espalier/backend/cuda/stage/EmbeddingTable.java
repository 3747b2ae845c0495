package org.espalier.backend.cuda.stage;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.espalier.api.Offer;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.Rotation;
import org.espalier.api.tensor.ElementType;

/**
 * The token table, which stays where the file is mapped: a row is 8 KiB of a model's hundreds of
 * megabytes, and the host knows the token anyway.
 */
final class EmbeddingTable {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final EncodedLinear table;

  EmbeddingTable(EncodedLinear table) {
    this.table = table;
  }

  /** Whether rows can be read one by one. */
  static Offer<EncodedLinear> check(EncodedLinear table) {
    return table.form() instanceof LinearForm.Tiled tiled
            && !(tiled.output() instanceof Rotation.Identity)
        ? Offer.declined(
            "a token table whose rows are rotated (%s) cannot be read row by row"
                .formatted(table.codec()))
        : Offer.accepted(table);
  }

  /** Copies the row of a token. */
  void read(int token, float[] target) {
    int width = table.shape().inputs();
    switch (table.form()) {
      case LinearForm.Dense(ElementType element, var matrices) ->
          readDense(element, matrices.getFirst(), (long) token * width, target);
      case LinearForm.Tiled tiled -> readTiled(tiled, token, target, width);
    }
  }

  private static void readDense(
      ElementType element, MemorySegment matrix, long first, float[] target) {
    for (int i = 0; i < target.length; i++) {
      target[i] =
          switch (element) {
            case F32 -> matrix.get(FLOAT, (first + i) * Float.BYTES);
            case F16 -> Float.float16ToFloat(matrix.get(SHORT, (first + i) * Short.BYTES));
            case BF16 -> Float.intBitsToFloat(matrix.get(SHORT, (first + i) * Short.BYTES) << 16);
          };
    }
  }

  /** A row of C R is Rᵀ applied to a row of C. */
  private static void readTiled(LinearForm.Tiled tiled, int token, float[] target, int width) {
    int rows = tiled.grid().rows();
    int columns = tiled.grid().columns();
    int size = tiled.grid().size();
    float[] run = new float[width / columns * size];
    tiled.core().decode(0, token / rows, 0, width / columns, run, 0);
    for (int tile = 0; tile < width / columns; tile++) {
      System.arraycopy(run, tile * size + token % rows * columns, target, tile * columns, columns);
    }
    switch (tiled.input()) {
      case Rotation.Identity _ -> {
        // a plain table
      }
      case Rotation.SignedHadamard(int block, MemorySegment signs) -> {
        hadamard(target, block);
        for (int i = 0; i < width; i++) {
          target[i] *= signs.get(FLOAT, (long) i * Float.BYTES);
        }
      }
    }
  }

  private static void hadamard(float[] x, int block) {
    for (int stride = 1; stride < block; stride *= 2) {
      for (int i = 0; i < x.length; i++) {
        if ((i & stride) == 0) {
          float a = x[i];
          float b = x[i + stride];
          x[i] = a + b;
          x[i + stride] = a - b;
        }
      }
    }
    float norm = (float) (1 / Math.sqrt(block));
    for (int i = 0; i < x.length; i++) {
      x[i] *= norm;
    }
  }
}
