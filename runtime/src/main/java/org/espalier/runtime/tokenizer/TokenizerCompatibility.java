package org.espalier.runtime.tokenizer;

/** How to read a vocabulary, above all one whose metadata are incomplete. */
public enum TokenizerCompatibility {
  /**
   * As the model's authors meant it, and Hugging Face's tokenizers do it: missing metadata are
   * repaired with what the GPT-NeoX family uses.
   */
  HUGGING_FACE,
  /**
   * As llama.cpp reads the same file, for comparing ids and perplexities with it: text is never
   * normalised, a missing pre-tokenizer means its own default, missing token types mean that of all
   * added tokens only {@code <|endoftext|>} is recognised, and a missing beginning or end of text
   * is token 11, whatever that is.
   */
  LLAMA_CPP
}
