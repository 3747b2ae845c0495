package org.espalier.backend.cuda.driver;

/**
 * What a GPU is.
 *
 * @param ordinal its number
 * @param name as the driver gives it
 * @param capability compute capability, such as 89 for 8.9
 * @param multiprocessors how many
 * @param sharedBytes most shared memory of one block
 * @param sharedBytesPerMultiprocessor shared memory of a multiprocessor
 * @param totalBytes of its memory
 * @param driverVersion the CUDA version of the driver, such as 12060
 */
public record GpuInfo(
    int ordinal,
    String name,
    int capability,
    int multiprocessors,
    int sharedBytes,
    int sharedBytesPerMultiprocessor,
    long totalBytes,
    int driverVersion) {
  /** Shared memory that kernels may take besides what a launch asks for. */
  public static final int STATIC_SHARED_BYTES = 1024;
}
