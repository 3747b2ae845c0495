package org.espalier.runtime.generation;

/** Why generation ended. */
public enum FinishReason {
  /** The model ended its text. */
  END_OF_TEXT,
  /** A stop text appeared. */
  STOP_TEXT,
  /** As many tokens as were asked for. */
  LENGTH,
  /** No room is left in the context. */
  CONTEXT_FULL,
  /** The caller asked to stop. */
  CANCELLED
}
