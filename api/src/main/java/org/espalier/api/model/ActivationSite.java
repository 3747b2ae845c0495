package org.espalier.api.model;

/** A place in the forward pass whose values can be observed: the input of one or more linears. */
public sealed interface ActivationSite {

  /** What query, key and value of a layer multiply. */
  record AttentionInput(int layer) implements ActivationSite {}

  /** What the output projection of a layer multiplies. */
  record AttentionOutput(int layer) implements ActivationSite {}

  /** What gate and up of an expert multiply: rows routed to it only. */
  record ExpertInput(int layer, int expert) implements ActivationSite {}

  /** What down of an expert multiplies: rows routed to it only. */
  record ExpertHidden(int layer, int expert) implements ActivationSite {}

  /** What the head multiplies. */
  record HeadInput() implements ActivationSite {}
}
