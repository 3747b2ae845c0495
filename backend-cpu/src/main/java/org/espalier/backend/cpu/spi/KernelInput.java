package org.espalier.backend.cpu.spi;

/**
 * Rows of activations in the form that a kernel prepared. Row r begins at {@code r · bytesPerRow}
 * and {@code r · floatsPerRow}; both strides are at least what the kernel asked for.
 *
 * @param bytes for kernels that quantise activations
 * @param bytesPerRow stride, a multiple of 64
 * @param floats for kernels that do not, and for scales
 * @param floatsPerRow stride, a multiple of 16
 */
public record KernelInput(byte[] bytes, int bytesPerRow, float[] floats, int floatsPerRow) {

  /** Room for rows of the given sizes, strides rounded up. */
  public static KernelInput allocate(int rows, int inputBytes, int inputFloats) {
    int bytesPerRow = (inputBytes + 63) & -64;
    int floatsPerRow = (inputFloats + 15) & -16;
    return new KernelInput(
        new byte[Math.multiplyExact(rows, bytesPerRow)],
        bytesPerRow,
        new float[Math.multiplyExact(rows, floatsPerRow)],
        floatsPerRow);
  }
}
