package org.espalier.format.gguf;

import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;

/**
 * The tensor types of ggml whose size is known: a row is cut into blocks of so many elements, each
 * of so many bytes. Codes that ggml has withdrawn or that projects use differently are left out.
 */
enum GgmlType {
  F32(0, 1, 4),
  F16(1, 1, 2),
  Q4_0(2, 32, 18),
  Q4_1(3, 32, 20),
  Q5_0(6, 32, 22),
  Q5_1(7, 32, 24),
  Q8_0(8, 32, 34),
  Q8_1(9, 32, 36),
  Q2_K(10, 256, 84),
  Q3_K(11, 256, 110),
  Q4_K(12, 256, 144),
  Q5_K(13, 256, 176),
  Q6_K(14, 256, 210),
  Q8_K(15, 256, 292),
  IQ2_XXS(16, 256, 66),
  IQ2_XS(17, 256, 74),
  IQ3_XXS(18, 256, 98),
  IQ1_S(19, 256, 50),
  IQ4_NL(20, 32, 18),
  IQ3_S(21, 256, 110),
  IQ2_S(22, 256, 82),
  IQ4_XS(23, 256, 136),
  I8(24, 1, 1),
  I16(25, 1, 2),
  I32(26, 1, 4),
  I64(27, 1, 8),
  F64(28, 1, 8),
  IQ1_M(29, 256, 56),
  BF16(30, 1, 2),
  TQ1_0(34, 256, 54),
  TQ2_0(35, 256, 66),
  MXFP4(39, 32, 17),
  NVFP4(40, 64, 36);

  /** Who assigned the codes. */
  static final String NAMESPACE = "ggml";

  private static final Map<Integer, GgmlType> BY_CODE =
      Arrays.stream(values())
          .collect(Collectors.toUnmodifiableMap(GgmlType::code, Function.identity()));

  private final int code;
  private final int blockElements;
  private final int blockBytes;

  GgmlType(int code, int blockElements, int blockBytes) {
    this.code = code;
    this.blockElements = blockElements;
    this.blockBytes = blockBytes;
  }

  /** The type of a code; empty when it is not known for sure. */
  static Optional<GgmlType> of(int code) {
    return Optional.ofNullable(BY_CODE.get(code));
  }

  /** What the API calls the type with this code. */
  static StorageType storage(int code) {
    return of(code)
        .map(GgmlType::storage)
        .orElseGet(
            () -> new StorageType.Block(NAMESPACE, code, "type " + Integer.toUnsignedString(code)));
  }

  /** The code of a type that stores one element after another. */
  static int code(ElementType element) {
    return switch (element) {
      case F32 -> F32.code;
      case F16 -> F16.code;
      case BF16 -> BF16.code;
    };
  }

  private StorageType storage() {
    return switch (this) {
      case F32 -> new StorageType.Plain(ElementType.F32);
      case F16 -> new StorageType.Plain(ElementType.F16);
      case BF16 -> new StorageType.Plain(ElementType.BF16);
      default -> new StorageType.Block(NAMESPACE, code, name());
    };
  }

  /** The number in the file. */
  int code() {
    return code;
  }

  /** Elements of one block; the innermost dimension is a multiple of it. */
  int blockElements() {
    return blockElements;
  }

  /** Bytes of that many elements, which {@link TensorShape} has bounded. */
  long bytes(long elements) {
    return elements / blockElements * blockBytes;
  }
}
