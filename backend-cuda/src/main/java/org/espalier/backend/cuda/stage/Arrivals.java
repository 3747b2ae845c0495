package org.espalier.backend.cuda.stage;

import java.util.List;
import java.util.function.Predicate;
import java.util.function.ToLongFunction;
import org.espalier.api.backend.ExpertPlacement;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.model.Stage;
import org.espalier.backend.cuda.driver.Gpu;
import org.espalier.backend.cuda.driver.HostBuffer;
import org.espalier.backend.cuda.weights.DeviceMemory;
import org.espalier.backend.cuda.weights.LoadedLinear;
import org.espalier.backend.cuda.weights.Matrices;

/**
 * Experts that come from the host's memory: for good, in exchange for others, or for one pass. All
 * of it goes by the one stream, so a copy is complete before the kernels after it begin, and the
 * host waits for nothing.
 */
final class Arrivals {
  private final Gpu gpu;
  private final ExpertPlacement placement;
  private final HostBuffer entries;
  private final long entryBytes;
  private final long spare;
  private final long area;
  private final long areaBytes;
  private long written;

  /**
   * @param banks of all layers, those of one layer in one list
   * @param copies whether passes may copy all of a layer
   */
  Arrivals(
      Gpu gpu,
      DeviceMemory memory,
      ExpertPlacement placement,
      List<List<LoadedLinear>> banks,
      boolean copies) {
    this.gpu = gpu;
    this.placement = placement;
    boolean any = banks.stream().flatMap(List::stream).anyMatch(b -> b.matrices().onHost() > 0);
    areaBytes = copies && any ? banks.stream().mapToLong(Arrivals::copyBytes).max().orElse(0) : 0;
    // Enough for every layer of one pass.
    entryBytes =
        any
            ? banks.stream()
                .flatMap(List::stream)
                .mapToLong(bank -> bank.matrices().entryBytes())
                .sum()
            : 0;
    entries = memory.allocateHost(entryBytes);
    area = areaBytes == 0 ? 0 : memory.allocate(areaBytes);
    spare =
        any
            ? memory.allocate(
                banks.stream()
                    .flatMap(List::stream)
                    .mapToLong(bank -> bank.matrices().bytes())
                    .max()
                    .orElse(0))
            : 0;
  }

  /**
   * Bytes of device memory that this will take for a plan, before anything is loaded.
   *
   * @param pairs whether a linear takes halves
   * @param hostBytes of a linear's matrices that will be in memory of the host
   */
  static long bytes(
      List<Stage.MixtureOfExperts> layers,
      int rows,
      ExpertPlacement placement,
      Predicate<EncodedLinear> pairs,
      ToLongFunction<EncodedLinear> hostBytes) {
    long most = 0;
    for (Stage.MixtureOfExperts layer : layers) {
      List<EncodedLinear> banks = List.of(layer.gate(), layer.up(), layer.down());
      double reads = MixtureStage.reads(layer, rows, banks.stream().allMatch(pairs));
      long onHost = banks.stream().mapToLong(hostBytes).sum();
      if (onHost > 0 && rows > Pass.SPLIT_ROWS && placement.isCopied(reads)) {
        most = Math.max(most, onHost + 3 * (8L * layer.experts() + 255));
      }
    }
    return most;
  }

  private static long copyBytes(List<LoadedLinear> layer) {
    return layer.stream().mapToLong(bank -> bank.matrices().copyBytes()).sum();
  }

  /** The stream has come to its end: what was written for it may be written over. */
  void settled() {
    written = 0;
  }

  private long take(long bytes) {
    if (written + bytes > entryBytes) {
      gpu.await();
      written = 0;
    }
    written += bytes;
    return written - bytes;
  }

  /** Two experts of a layer change places, if they can. */
  void exchange(List<LoadedLinear> layer, int arriving, int leaving) {
    for (LoadedLinear bank : layer) {
      Matrices matrices = bank.matrices();
      if (!matrices.isOnHost(arriving) || matrices.isOnHost(leaving)) {
        return;
      }
    }
    for (LoadedLinear bank : layer) {
      long at = take(2L * Long.BYTES);
      bank.matrices().exchange(gpu, arriving, leaving, spare, entries, at);
    }
  }

  /**
   * Whether a pass of so many rows copies a layer's experts rather than read them in place.
   *
   * @param reads how often each would be read
   */
  boolean copies(List<LoadedLinear> layer, double reads) {
    return areaBytes > 0
        && layer.stream().anyMatch(bank -> bank.matrices().onHost() > 0)
        && placement.isCopied(reads);
  }

  /** The banks of a layer with all experts in device memory, until the next layer is copied. */
  List<LoadedLinear> copy(List<LoadedLinear> layer) {
    long[] next = {area};
    return layer.stream()
        .map(bank -> {
          Matrices matrices = bank.matrices();
          long at = take(matrices.entryBytes());
          LoadedLinear copied = bank.over(matrices.copy(gpu, next[0], entries, at));
          next[0] += matrices.copyBytes();
          return copied;
        })
        .toList();
  }

  /**
   * How often a pass reads an expert on average that every row takes with the same probability.
   *
   * @param rows of the pass
   * @param probability that a row takes it
   * @param itemRows rows that one reading serves
   */
  static double reads(int rows, double probability, int itemRows) {
    if (probability >= 1) {
      return Math.ceil((double) rows / itemRows);
    }
    double odds = Math.log(probability / (1 - probability));
    double logarithm = rows * Math.log1p(-probability); // of the probability of k rows
    double sum = 0;
    for (int k = 1; k <= rows; k++) {
      logarithm += Math.log((double) (rows - k + 1) / k) + odds;
      sum += Math.exp(logarithm) * ((k + itemRows - 1) / itemRows);
    }
    return sum;
  }
}
