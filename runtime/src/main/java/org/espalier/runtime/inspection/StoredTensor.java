package org.espalier.runtime.inspection;

import java.util.List;
import java.util.Optional;

/**
 * One tensor of a file.
 *
 * @param name as in the file
 * @param type how its numbers are stored, for people: {@code "F32"}, {@code "type 41"}
 * @param shape outermost first
 * @param elements the product of the shape
 * @param bytes of its data; for a type that the format does not know up to the next tensor
 * @param codec who reads it as part of a linear operator; empty for norms, and where there is no
 *     plan
 */
public record StoredTensor(
    String name, String type, List<Long> shape, long elements, long bytes, Optional<String> codec) {
  public StoredTensor {
    shape = List.copyOf(shape);
  }

  /** How much of the file one element takes. */
  public double bitsPerElement() {
    return 8.0 * bytes / elements;
  }
}
