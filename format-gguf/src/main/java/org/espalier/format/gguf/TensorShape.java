package org.espalier.format.gguf;

import java.util.List;

/** What the reader refuses and the writer does not write. */
final class TensorShape {
  /** Dimensions that ggml can hold. */
  static final int MAX_DIMENSIONS = 4;

  /** Bytes of a tensor's name. */
  static final int MAX_NAME_BYTES = 1024;

  // No type takes more than 8 bytes an element, so sizes in bytes cannot overflow either.
  private static final long MAX_ELEMENTS = Long.MAX_VALUE / 8;

  private TensorShape() {}

  /** Whether every dimension is at least 1 and the whole could be in a file. */
  static boolean isValid(List<Long> shape) {
    long product = 1;
    for (long dimension : shape) {
      if (dimension < 1 || dimension > MAX_ELEMENTS / product) {
        return false;
      }
      product *= dimension;
    }
    return true;
  }

  /** The product of all dimensions of a valid shape. */
  static long elements(List<Long> shape) {
    return shape.stream().mapToLong(Long::longValue).reduce(1, (a, b) -> a * b);
  }

  /** Elements of one row: the innermost dimension, which comes last. */
  static long rowElements(List<Long> shape) {
    return shape.isEmpty() ? 1 : shape.getLast();
  }
}
