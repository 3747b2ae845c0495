package org.espalier.runtime.quantisation.pipeline;

/** How the token table and the head are stored. */
public enum EmbeddingType {
  /** 32 bits. */
  F32,
  /** The upper half of F32. */
  BF16,
  /** IEEE halves. */
  F16,
  /** Blocks of 32 whole numbers of 8 bits with an IEEE half as their scale. */
  Q8_0
}
