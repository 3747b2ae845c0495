package org.espalier.server.scheduling;

import java.util.List;

/**
 * How likely the model thought a token, before any sampling option changed its mind.
 *
 * @param token the id
 * @param logProbability natural logarithm of its probability
 * @param alternatives the likeliest tokens, the likeliest first
 */
public record TokenScore(int token, double logProbability, List<Alternative> alternatives) {

  /** A token that could have stood there. */
  public record Alternative(int token, double logProbability) {}
}
