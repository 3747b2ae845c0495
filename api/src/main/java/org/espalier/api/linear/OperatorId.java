package org.espalier.api.linear;

/**
 * Names one linear operator (or bank of experts) of a model.
 *
 * @param layer counted from 0; −1 for the embedding and the head, which belong to no layer
 * @param role what it does there
 */
public record OperatorId(int layer, Role role) {
  @Override
  public String toString() {
    return layer < 0 ? role.name() : "layer " + layer + " " + role;
  }
}
