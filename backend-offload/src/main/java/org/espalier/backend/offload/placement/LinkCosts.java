package org.espalier.backend.offload.placement;

/**
 * What an expert that is not in the device's own memory costs: carried over the link for the device
 * to compute, or computed on the CPU where it lies.
 *
 * @param expertBytes of one expert
 * @param linkBytesPerSecond that the device reads page-locked memory of the host with
 * @param cpuSecondsPerExpert for one row, on all threads of the host
 * @param hopSeconds for handing a layer's rows to the host and back
 */
public record LinkCosts(
    long expertBytes, double linkBytesPerSecond, double cpuSecondsPerExpert, double hopSeconds) {

  /** Seconds for carrying so many experts of a layer. */
  public double carried(double experts) {
    return experts * expertBytes / linkBytesPerSecond;
  }

  /** Seconds for computing a layer of so many experts on the CPU, all of them. */
  public double computed(int used) {
    return hopSeconds + used * cpuSecondsPerExpert;
  }

  /**
   * Whether the CPU computes a whole layer faster than the device gets what it misses of it.
   *
   * @param used experts of a token
   * @param missed those of them, on average, that are not near
   */
  public boolean prefersCpu(int used, double missed) {
    return computed(used) < carried(missed);
  }
}
