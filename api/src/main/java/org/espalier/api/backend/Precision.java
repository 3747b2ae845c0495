package org.espalier.api.backend;

/** How faithfully a backend computes. */
public enum Precision {
  /** Reference arithmetic: weights exactly as decoded, F32 or better throughout. */
  EXACT,
  /** The fastest arithmetic whose error is far below that of the weights' encoding. */
  FAST
}
