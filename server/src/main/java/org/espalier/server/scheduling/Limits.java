package org.espalier.server.scheduling;

import java.time.Duration;
import org.espalier.api.EspalierException.InvalidRequest;

/**
 * How much is taken on.
 *
 * @param parallel texts that are generated at the same time
 * @param waiting submissions that may wait for their turn
 * @param positions of all key–value caches together, those kept for later included
 * @param waitingTime how long a submission may wait
 * @param generationTime how long it may take after that; what is there by then is its result
 */
public record Limits(
    int parallel, int waiting, long positions, Duration waitingTime, Duration generationTime) {
  /** Refuses limits that would let nothing pass. */
  public Limits {
    if (parallel < 1) {
      throw new InvalidRequest("at least 1 text must be generated at a time: " + parallel);
    }
    if (waiting < 1) {
      throw new InvalidRequest("at least 1 request must be allowed to wait: " + waiting);
    }
    if (positions < 1) {
      throw new InvalidRequest("the caches must hold at least 1 position: " + positions);
    }
  }
}
