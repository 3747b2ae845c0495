package org.espalier.runtime.tokenizer;

/** How to read a vocabulary whose metadata are incomplete. */
public enum TokenizerCompatibility {
  /** As the model's authors meant it. */
  HUGGING_FACE,
  /** As llama.cpp reads such files, for comparing with it. */
  LLAMA_CPP
}
