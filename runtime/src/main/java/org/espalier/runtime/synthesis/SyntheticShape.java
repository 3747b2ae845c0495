package org.espalier.runtime.synthesis;

import org.espalier.api.EspalierException.InvalidRequest;

/**
 * The shape of a model with random weights.
 *
 * @param name for metadata
 * @param layers blocks
 * @param width of the residual stream
 * @param heads of attention, as many for keys and values
 * @param experts per layer
 * @param expertsUsed per token
 * @param expertWidth hidden values of an expert
 * @param vocabulary tokens
 * @param contextLength positions
 */
public record SyntheticShape(
    String name,
    int layers,
    int width,
    int heads,
    int experts,
    int expertsUsed,
    int expertWidth,
    int vocabulary,
    int contextLength) {

  /** The shape of OLMoE-1B-7B-0125. */
  public static final SyntheticShape OLMOE_1B_7B =
      new SyntheticShape("olmoe-1b-7b", 16, 2048, 16, 64, 8, 1024, 50280, 4096);

  /** A shape for tests. */
  public static final SyntheticShape TINY =
      new SyntheticShape("tiny", 2, 256, 4, 8, 2, 256, 1024, 512);

  /**
   * Refuses shapes that no OLMoE can have. What the codec can hold (powers of two, for one that
   * rotates) is asked of it when the model is written.
   */
  public SyntheticShape {
    within("layers", layers, 1, 1024);
    within("width", width, 2, 1 << 16);
    within("heads", heads, 1, width / 2);
    within("experts", experts, 1, 4096);
    within("experts used per token", expertsUsed, 1, experts);
    within("expert width", expertWidth, 1, 1 << 16);
    within("vocabulary", vocabulary, SyntheticVocabulary.SMALLEST, SyntheticVocabulary.LARGEST);
    within("context length", contextLength, 8, 1 << 20);
    if (width % (2 * heads) != 0) {
      throw new InvalidRequest(
          "the width must be a multiple of twice the number of heads, because halves of a head"
              + " rotate against each other: %d with %d heads".formatted(width, heads));
    }
  }

  /** The same with another number of layers. */
  public SyntheticShape withLayers(int count) {
    return new SyntheticShape(
        name, count, width, heads, experts, expertsUsed, expertWidth, vocabulary, contextLength);
  }

  private static void within(String what, int value, int least, int most) {
    if (value < least || value > most) {
      throw new InvalidRequest(
          "the %s of a synthetic model must be from %d to %d: %d"
              .formatted(what, least, most, value));
    }
  }
}
