package org.espalier.runtime.evaluation;

import org.espalier.api.EspalierException.InvalidRequest;

/**
 * How to measure perplexity.
 *
 * @param protocol which tokens count
 * @param window tokens per window, at least 4
 * @param mostWindows where to stop; 0: at the end of the text
 */
public record PerplexityOptions(PerplexityProtocol protocol, int window, int mostWindows) {
  /** Refuses windows that are too short. */
  public PerplexityOptions {
    if (window < 4) {
      throw new InvalidRequest("a window must have at least 4 tokens, not " + window);
    }
    if (mostWindows < 0) {
      throw new InvalidRequest("the number of windows must be 0 (all) or more: " + mostWindows);
    }
  }
}
