package org.espalier.api.tensor;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * One named tensor of an artifact.
 *
 * @param name as in the file
 * @param type how its numbers are stored
 * @param shape the mathematician's order, outermost first: a matrix is (outputs, inputs), a stack
 *     of experts (experts, outputs, inputs); every dimension is at least 1 and their product fits a
 *     {@code long}
 * @param bytes its data, little-endian, usually mapped from the file and valid while the artifact
 *     is open. For {@link StorageType.Plain} types and block types whose size the format knows,
 *     exactly the data; for a type that the format does not know, everything up to the next tensor,
 *     so the codec must take the part that it needs and decline when there is too little
 */
public record Tensor(String name, StorageType type, List<Long> shape, MemorySegment bytes) {

  public Tensor {
    shape = List.copyOf(shape);
  }

  /** The product of all dimensions. */
  public long elements() {
    long product = 1;
    for (long dimension : shape) {
      product = Math.multiplyExact(product, dimension);
    }
    return product;
  }
}
