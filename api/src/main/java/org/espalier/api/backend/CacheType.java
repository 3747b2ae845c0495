package org.espalier.api.backend;

import java.util.Locale;
import java.util.Optional;
import org.espalier.api.tensor.ElementType;

/** In what form a key–value cache keeps numbers, to which they are rounded before anyone reads. */
public enum CacheType {
  /** IEEE 754 binary32. */
  F32(ElementType.F32),
  /** IEEE 754 binary16. */
  F16(ElementType.F16),
  /** The upper half of binary32. */
  BF16(ElementType.BF16),
  /**
   * Whole numbers from −127 to 127 times a scale in binary16, one for every {@value #BLOCK} values
   * of a head, of which the last block may have fewer: the largest magnitude ÷ 127.
   */
  Q8_0(null);

  /** Values that share a scale in {@link #Q8_0}. */
  public static final int BLOCK = 32;

  private final Optional<ElementType> element;

  CacheType(@org.jspecify.annotations.Nullable ElementType element) {
    this.element = Optional.ofNullable(element);
  }

  /** The form that keeps one element after another. */
  public static CacheType of(ElementType type) {
    return switch (type) {
      case F32 -> F32;
      case F16 -> F16;
      case BF16 -> BF16;
    };
  }

  /** The type of its elements, where it keeps them one by one. */
  public Optional<ElementType> element() {
    return element;
  }

  /** Bytes of the {@code values} of one head at one position. */
  public long bytes(int values) {
    return element
        .map(type -> (long) values * type.bytes())
        .orElse(values + (values + BLOCK - 1) / BLOCK * 2L);
  }

  /** As users write it. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
