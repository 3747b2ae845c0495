package org.espalier.api.linear;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import org.espalier.api.tensor.ElementType;

/**
 * A bank of linear operators as a codec hands it to a backend: a meaning and bytes.
 *
 * @param id which operator of the model it is
 * @param codec who encoded it; specialised kernels look here first
 * @param layout version of the byte layout of {@code parts}, counted by the codec
 * @param shape of the bank
 * @param form what it computes; a backend that knows nothing of the codec runs this, exactly
 * @param parts the raw bytes that a specialised kernel reads, by names that the codec documents
 */
public record EncodedLinear(
    OperatorId id,
    CodecId codec,
    int layout,
    LinearShape shape,
    LinearForm form,
    Map<String, MemorySegment> parts) {

  public EncodedLinear {
    parts = Map.copyOf(parts);
    if (form instanceof LinearForm.Dense(ElementType element, List<MemorySegment> matrices)) {
      long bytes = (long) shape.outputs() * shape.inputs() * element.bytes();
      if (matrices.size() != shape.experts()
          || matrices.stream().anyMatch(matrix -> matrix.byteSize() != bytes)) {
        throw new IllegalArgumentException(
            "%s should have %d matrices of %d bytes each".formatted(id, shape.experts(), bytes));
      }
    }
  }

  /** Bytes of all parts: what must be kept in memory, or read, to run it. */
  public long bytes() {
    return switch (form) {
      case LinearForm.Dense dense ->
          dense.matrices().stream().mapToLong(MemorySegment::byteSize).sum();
      case LinearForm.Tiled _ -> parts.values().stream().mapToLong(MemorySegment::byteSize).sum();
    };
  }
}
