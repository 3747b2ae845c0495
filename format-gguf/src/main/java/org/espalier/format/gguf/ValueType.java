package org.espalier.format.gguf;

import java.util.Optional;
import org.espalier.api.format.MetadataValue.RealType;
import org.espalier.api.format.MetadataValue.WholeType;

/** The types of metadata values; the ordinal is the code in the file. */
enum ValueType {
  UINT8(1),
  INT8(1),
  UINT16(2),
  INT16(2),
  UINT32(4),
  INT32(4),
  FLOAT32(4),
  BOOL(1),
  STRING(8),
  ARRAY(12),
  UINT64(8),
  INT64(8),
  FLOAT64(8);

  private final int minimumBytes;

  ValueType(int minimumBytes) {
    this.minimumBytes = minimumBytes;
  }

  static Optional<ValueType> of(int code) {
    ValueType[] types = values();
    return code >= 0 && code < types.length ? Optional.of(types[code]) : Optional.empty();
  }

  static ValueType of(WholeType type) {
    return switch (type) {
      case UINT8 -> UINT8;
      case INT8 -> INT8;
      case UINT16 -> UINT16;
      case INT16 -> INT16;
      case UINT32 -> UINT32;
      case INT32 -> INT32;
      case UINT64 -> UINT64;
      case INT64 -> INT64;
    };
  }

  static ValueType of(RealType type) {
    return switch (type) {
      case FLOAT32 -> FLOAT32;
      case FLOAT64 -> FLOAT64;
    };
  }

  int code() {
    return ordinal();
  }

  /** Bytes of a value: of a number all, of a text or an array those before its content. */
  int minimumBytes() {
    return minimumBytes;
  }
}
