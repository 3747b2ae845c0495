package org.espalier.backend.cuda.kernel;

/**
 * Matrices in device memory: {@code Bank} of {@code structures.cuh}.
 *
 * @param table address of the experts' addresses
 * @param storage how they lie
 * @param outputs rows of each
 * @param inputs columns of each
 */
public record Bank(long table, Storage storage, int outputs, int inputs) {
  /** A place for a bank that is not there. */
  public static final Bank NONE = new Bank(0, Storage.DENSE_F32, 0, 0);

  /** Appends it. */
  public Parameters write(Parameters parameters) {
    return parameters
        .address(table)
        .integer(storage.ordinal())
        .integer(outputs)
        .integer(inputs)
        .integer(0);
  }
}
