package org.espalier.api.linear;

/** What a linear operator does in a model. */
public enum Role {
  /** Token table: row i is the vector of token i. */
  EMBEDDING,
  /** Queries of attention. */
  QUERY,
  /** Keys of attention. */
  KEY,
  /** Values of attention. */
  VALUE,
  /** From the heads back to the residual stream. */
  ATTENTION_OUTPUT,
  /** Scores of experts. */
  ROUTER,
  /** The gate half of an expert's SwiGLU. */
  EXPERT_GATE,
  /** The other half. */
  EXPERT_UP,
  /** From the expert's width back to the residual stream. */
  EXPERT_DOWN,
  /** From the residual stream to logits. */
  HEAD
}
