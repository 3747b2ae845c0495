package org.espalier.api.linear;

/**
 * The name of a weight encoding, by which kernels are found: lower case, such as {@code "qtip"}.
 *
 * @param value the name
 */
public record CodecId(String value) {
  /** Numbers stored one by one as F32, F16 or BF16, with no codec involved. */
  public static final CodecId PLAIN = new CodecId("plain");

  public CodecId {
    if (!value.matches("[a-z][a-z0-9._-]*")) {
      throw new IllegalArgumentException("not a codec id: " + value);
    }
  }

  @Override
  public String toString() {
    return value;
  }
}
