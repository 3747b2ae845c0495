package org.espalier.runtime.quantisation.calibration;

/** Which second moment an expert's matrices are quantised with. */
public enum HessianPolicy {
  /** Its own: over the tokens that were routed to it. */
  PER_EXPERT,
  /** The mean over the layer's experts, each counting the same. */
  LAYER_MEAN,
  /** The mean over the layer's experts, each counting by its tokens. */
  TOKEN_WEIGHTED
}
