package org.espalier.backend.offload.placement;

import java.util.Locale;

/**
 * What an expert costs that is not in the device's own memory: read over the link by the device
 * that computes it, copied over the link first, or computed on the CPU where it lies. Everything is
 * in seconds for one layer.
 *
 * @param expertBytes of one expert
 * @param linkBytesPerSecond that the device reads page-locked memory of the host with
 * @param cpuSecondsPerExpert for one row, on all threads of the host
 * @param hopSeconds for handing a layer's rows to the host and back
 */
public record LinkCosts(
    long expertBytes, double linkBytesPerSecond, double cpuSecondsPerExpert, double hopSeconds) {
  /** For a layer's rows, 8 KB each way, and two waits. */
  public static final double HOP_SECONDS = 25e-6;

  /**
   * What copying costs more than reading the same bytes in place: nothing is computed meanwhile,
   * and the copy is read once more.
   */
  private static final double COPY_COSTS_MORE = 1.2;

  /** The CPU must save at least this share, since its results differ in their last bits. */
  private static final double WORTH_WHILE = 0.2;

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

  /**
   * Whether a pass had better copy experts than read them in place.
   *
   * @param reads how often, on average, each would be read in place
   */
  public static boolean prefersCopy(double reads) {
    return reads > COPY_COSTS_MORE;
  }

  /** Share of the uses of the experts of layers from the given one on that meet near memory. */
  @FunctionalInterface
  public interface NearShare {
    /** The share, from 0 to 1. */
    double from(int firstLayer);
  }

  /** Seconds of a token for experts, if the CPU computes those of the first layers. */
  public double token(int layers, int used, int onCpu, NearShare share) {
    double missed = onCpu == layers ? 0 : used * (1 - share.from(onCpu));
    return onCpu * computed(used) + (layers - onCpu) * carried(missed);
  }

  /**
   * Of how many layers, from the first, the CPU should compute the experts. Each makes room in the
   * device for experts of the others.
   *
   * @param layers that there are
   * @param used experts of a token in each
   */
  public int layersForCpu(int layers, int used, NearShare share) {
    int best = 0;
    double least = token(layers, used, 0, share) * (1 - WORTH_WHILE);
    for (int onCpu = 1; onCpu <= layers; onCpu++) {
      double seconds = token(layers, used, onCpu, share);
      if (seconds < least) {
        best = onCpu;
        least = seconds;
      }
    }
    return best;
  }

  /** The figures it goes by, for people. */
  public String figures() {
    return String.format(
        Locale.ROOT,
        "an expert takes %.0f µs over the link, at %.1f GB/s, and %.0f µs on the CPU",
        1e6 * carried(1),
        linkBytesPerSecond / 1e9,
        1e6 * cpuSecondsPerExpert);
  }
}
