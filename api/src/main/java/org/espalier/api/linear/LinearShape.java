package org.espalier.api.linear;

/**
 * The shape of a bank of linear operators y = W x.
 *
 * @param experts how many matrices stand side by side; 1 for a plain linear
 * @param outputs rows of each
 * @param inputs columns of each
 */
public record LinearShape(int experts, int outputs, int inputs) {
  public LinearShape {
    if (experts < 1 || outputs < 1 || inputs < 1) {
      throw new IllegalArgumentException(
          "dimensions must be positive: " + experts + " × " + outputs + " × " + inputs);
    }
  }

  /** Weights of the whole bank. */
  public long weights() {
    return (long) experts * outputs * inputs;
  }

  @Override
  public String toString() {
    return (experts == 1 ? "" : experts + " × ") + outputs + " × " + inputs;
  }
}
