package org.espalier.server.scheduling;

import java.util.List;

/**
 * Which experts a token used on its way through the model.
 *
 * @param position of the token in its text, from 0
 * @param token the id
 * @param layers those with experts, in order
 */
public record TokenRouting(int position, int token, List<Layer> layers) {

  /**
   * One layer's choice.
   *
   * @param layer counted from 0
   * @param experts chosen, by descending weight
   * @param weights of the chosen
   */
  public record Layer(int layer, int[] experts, float[] weights) {}
}
