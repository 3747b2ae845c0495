package org.espalier.format.safetensors;

import java.util.Arrays;
import java.util.Optional;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;

/** The number types that headers name; what they are called here is what they are called there. */
enum DataType {
  BOOL(8),
  U8(8),
  I8(8),
  F8_E5M2(8),
  F8_E4M3(8),
  I16(16),
  U16(16),
  F16(16),
  BF16(16),
  I32(32),
  U32(32),
  F32(32),
  F64(64),
  I64(64),
  U64(64),
  F8_E8M0(8),
  F4(4),
  F6_E2M3(6),
  F6_E3M2(6),
  C64(64);

  private static final String NAMESPACE = "safetensors";
  private static final int UNKNOWN = -1;

  private final int bits;

  DataType(int bits) {
    this.bits = bits;
  }

  /** The type of this name, where it is known. */
  static Optional<DataType> named(String name) {
    return Arrays.stream(values()).filter(type -> type.name().equals(name)).findFirst();
  }

  /** Bits of one element. */
  int bits() {
    return bits;
  }

  /** The storage type of a name. Known types have their position in this list for a code. */
  static StorageType storage(String name) {
    return switch (name) {
      case "F32" -> new StorageType.Plain(ElementType.F32);
      case "F16" -> new StorageType.Plain(ElementType.F16);
      case "BF16" -> new StorageType.Plain(ElementType.BF16);
      default ->
          new StorageType.Block(
              NAMESPACE, named(name).map(DataType::ordinal).orElse(UNKNOWN), name);
    };
  }
}
