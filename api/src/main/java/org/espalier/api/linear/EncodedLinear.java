package org.espalier.api.linear;

import java.lang.foreign.MemorySegment;
import java.util.Map;

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
  }

  /** Bytes of all parts: what must be kept in memory, or read, to run it. */
  public long bytes() {
    return switch (form) {
      case LinearForm.Dense dense -> dense.weights().byteSize();
      case LinearForm.Tiled _ -> parts.values().stream().mapToLong(MemorySegment::byteSize).sum();
    };
  }
}
