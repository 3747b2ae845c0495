package org.espalier.backend.cuda.kernel;

import org.espalier.api.tensor.ElementType;

/** How the matrices of a bank lie in device memory; in the order of {@code structures.cuh}. */
public enum Storage {
  /** Floats, row by row. */
  DENSE_F32,
  /** Halves, row by row. */
  DENSE_F16,
  /** Upper halves of floats, row by row. */
  DENSE_BF16,
  /** Trellis codes with one scale for each matrix. */
  QTIP,
  /** Trellis codes with a scale for each tile. */
  QTIP_SCALED;

  private static final int TILE = 256;
  private static final int CODE_BYTES = 66;

  /** Plain storage of an element type. */
  public static Storage of(ElementType element) {
    return switch (element) {
      case F32 -> DENSE_F32;
      case F16 -> DENSE_F16;
      case BF16 -> DENSE_BF16;
    };
  }

  /** Whether it holds trellis codes. */
  public boolean isQtip() {
    return this == QTIP || this == QTIP_SCALED;
  }

  /** Bytes of one matrix, rounded up so that the next may follow. */
  public long matrixBytes(int outputs, int inputs) {
    long weights = (long) outputs * inputs;
    long tiles = weights / TILE;
    long bytes =
        switch (this) {
          case DENSE_F32 -> 4 * weights;
          case DENSE_F16, DENSE_BF16 -> 2 * weights;
          case QTIP -> CODE_BYTES * tiles + Float.BYTES;
          case QTIP_SCALED -> (CODE_BYTES + Float.BYTES) * tiles;
        };
    return (bytes + 255) & -256;
  }
}
