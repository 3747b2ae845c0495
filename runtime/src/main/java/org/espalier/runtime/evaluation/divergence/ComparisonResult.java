package org.espalier.runtime.evaluation.divergence;

import org.espalier.runtime.evaluation.Mean;

/**
 * How far a model is from its reference over a text.
 *
 * @param window tokens per window
 * @param windows how many
 * @param commonTokens over which probabilities were compared
 * @param kl KL(reference ‖ model) over all positions, in nats
 * @param medianKl its median
 * @param p99Kl its 99th percentile
 * @param largestKl its maximum
 * @param sameTop share of positions at which both find the same token likeliest
 * @param logLikelihoodChange log-likelihood of the text's tokens, model less reference
 * @param meanNll mean negative log-likelihood of the text's tokens by the model
 * @param referenceMeanNll the same by the reference
 */
public record ComparisonResult(
    int window,
    int windows,
    int commonTokens,
    Mean kl,
    double medianKl,
    double p99Kl,
    double largestKl,
    Mean sameTop,
    Mean logLikelihoodChange,
    double meanNll,
    double referenceMeanNll) {}
