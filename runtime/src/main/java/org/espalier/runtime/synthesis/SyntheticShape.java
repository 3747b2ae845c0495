package org.espalier.runtime.synthesis;

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
}
