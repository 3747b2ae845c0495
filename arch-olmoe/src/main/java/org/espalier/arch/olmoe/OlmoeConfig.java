package org.espalier.arch.olmoe;

import java.util.OptionalDouble;
import org.espalier.api.EspalierException.MalformedModel;

/**
 * The numbers that shape an OLMoE model. The vocabulary is not among them: it is the number of rows
 * of the embedding.
 *
 * @param layers how many
 * @param width of the residual stream
 * @param contextLength positions that the model was trained for
 * @param heads of queries
 * @param keyValueHeads of keys and values, a divisor of {@code heads}
 * @param headDimension values per head
 * @param ropeDimensions leading values of a head that turn with the position, even
 * @param ropeBase θ of the rotary embedding
 * @param epsilon of every norm
 * @param clip bound on queries, keys and values, where there is one
 * @param attentionScale factor on q·k
 * @param experts per layer
 * @param expertsUsed per token
 * @param expertWidth hidden values of an expert
 * @param expertWeightsNormalised whether the weights of the chosen experts are made to sum to 1
 * @param expertWeightsScale factor on these weights
 */
record OlmoeConfig(
    int layers,
    int width,
    int contextLength,
    int heads,
    int keyValueHeads,
    int headDimension,
    int ropeDimensions,
    float ropeBase,
    float epsilon,
    OptionalDouble clip,
    float attentionScale,
    int experts,
    int expertsUsed,
    int expertWidth,
    boolean expertWeightsNormalised,
    float expertWeightsScale) {

  /**
   * Checks how the numbers fit together; that each is sensible by itself is whoever reads them to
   * check.
   *
   * @throws MalformedModel when two of them contradict each other
   */
  OlmoeConfig {
    if (heads % keyValueHeads != 0) {
      throw new MalformedModel(
          "the file's %d attention heads cannot share %d key-value heads evenly"
              .formatted(heads, keyValueHeads));
    }
    if ((long) heads * headDimension > Integer.MAX_VALUE) {
      throw new MalformedModel(
          "the file's %d attention heads of %d values are more than can be"
              .formatted(heads, headDimension));
    }
    if (ropeDimensions % 2 != 0 || ropeDimensions > headDimension) {
      throw new MalformedModel(
          "rotary embedding turns %d values of each head, but that must be an even number of at"
                  .formatted(ropeDimensions)
              + " most the head's %d".formatted(headDimension));
    }
    if (expertsUsed > experts) {
      throw new MalformedModel(
          "the file says that each token uses %d experts, but there are only %d"
              .formatted(expertsUsed, experts));
    }
  }

  /** Values of all queries of a position. */
  int queryWidth() {
    return heads * headDimension;
  }

  /** Values of all keys of a position, and of all values. */
  int keyValueWidth() {
    return keyValueHeads * headDimension;
  }
}
