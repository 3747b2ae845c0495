package org.espalier.runtime.evaluation;

/**
 * A measured perplexity.
 *
 * @param options how it was measured
 * @param windows how many
 * @param tokens that were scored
 * @param meanNll their mean negative log-likelihood, in nats
 * @param meanNllError its standard error
 */
public record PerplexityResult(
    PerplexityOptions options, int windows, long tokens, double meanNll, double meanNllError) {

  /** exp of the mean negative log-likelihood. */
  public double perplexity() {
    return Math.exp(meanNll);
  }

  /** The standard error of the perplexity, to first order. */
  public double standardError() {
    return perplexity() * meanNllError;
  }
}
