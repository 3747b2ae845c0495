package org.espalier.api.math;

/**
 * A matrix, or a rectangle of one, in an array: entry (i, j) is {@code values[offset + i · stride +
 * j]}. It shares the array; nothing is copied.
 *
 * @param values holds the entries
 * @param offset of entry (0, 0)
 * @param rows from 0
 * @param columns from 0, at most {@code stride}
 * @param stride from one row to the next
 */
public record FloatMatrix(float[] values, int offset, int rows, int columns, int stride) {
  public FloatMatrix {
    long end = rows == 0 ? offset : offset + (long) (rows - 1) * stride + columns;
    if (rows < 0 || columns < 0 || offset < 0 || stride < columns || end > values.length) {
      throw new IllegalArgumentException(
          "%d × %d from %d with stride %d does not fit in %d values"
              .formatted(rows, columns, offset, stride, values.length));
    }
  }

  /** A matrix of zeros. */
  public static FloatMatrix zeros(int rows, int columns) {
    return new FloatMatrix(new float[Math.multiplyExact(rows, columns)], 0, rows, columns, columns);
  }

  /** The whole of an array as a matrix, row by row. */
  public static FloatMatrix of(float[] values, int rows, int columns) {
    return new FloatMatrix(values, 0, rows, columns, columns);
  }

  /** Where in {@link #values} row {@code i} begins. */
  public int row(int i) {
    return offset + i * stride;
  }

  /** Entry (i, j). */
  public float get(int i, int j) {
    return values[row(i) + j];
  }

  /** A rectangle of it, sharing its entries. */
  public FloatMatrix part(int fromRow, int partRows, int fromColumn, int partColumns) {
    if (fromRow < 0
        || partRows < 0
        || fromRow + partRows > rows
        || fromColumn < 0
        || partColumns < 0
        || fromColumn + partColumns > columns) {
      throw new IllegalArgumentException(
          "%d × %d at (%d, %d) is no part of %d × %d"
              .formatted(partRows, partColumns, fromRow, fromColumn, rows, columns));
    }
    int start = partRows == 0 ? offset : row(fromRow) + fromColumn;
    return new FloatMatrix(values, start, partRows, partColumns, stride);
  }

  /** Its rows from {@code fromRow}, sharing its entries. */
  public FloatMatrix rows(int fromRow, int partRows) {
    return part(fromRow, partRows, 0, columns);
  }
}
