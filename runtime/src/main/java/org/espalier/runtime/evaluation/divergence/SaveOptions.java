package org.espalier.runtime.evaluation.divergence;

import java.nio.file.Path;
import org.espalier.api.EspalierException.InvalidRequest;

/**
 * How to save a reference's predictions.
 *
 * @param target the file
 * @param topTokens likeliest tokens to keep of every position; 8 bytes each
 */
public record SaveOptions(Path target, int topTokens) {
  /** Refuses to keep nothing. */
  public SaveOptions {
    if (topTokens < 1) {
      throw new InvalidRequest("at least 1 token per position must be saved, not " + topTokens);
    }
  }
}
