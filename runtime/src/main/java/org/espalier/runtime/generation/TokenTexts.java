package org.espalier.runtime.generation;

import java.util.OptionalInt;
import org.espalier.runtime.tokenizer.Tokenizer;

/** What generation must know of tokens: the part of a tokenizer that turns them into text. */
interface TokenTexts {

  /** That of a tokenizer. */
  static TokenTexts of(Tokenizer tokenizer) {
    return new TokenTexts() {
      @Override
      public int size() {
        return tokenizer.size();
      }

      @Override
      public byte[] bytes(int token) {
        return tokenizer.bytes(token);
      }

      @Override
      public boolean isControl(int token) {
        return tokenizer.isControl(token);
      }

      @Override
      public boolean endsGeneration(int token) {
        return tokenizer.endsGeneration(token);
      }

      @Override
      public OptionalInt beginningOfText() {
        return tokenizer.beginningOfText();
      }
    };
  }

  int size();

  byte[] bytes(int token);

  boolean isControl(int token);

  boolean endsGeneration(int token);

  OptionalInt beginningOfText();
}
