package org.espalier.runtime.tokenizer;

import java.util.OptionalInt;
import java.util.function.Consumer;
import org.espalier.api.format.Metadata;

/** Text to token ids and back, as a model's metadata describe it. Immutable. */
public final class Tokenizer {
  private Tokenizer() {}

  /**
   * Builds the tokenizer of a model.
   *
   * @param metadata with keys {@code tokenizer.ggml.*}
   * @param notices receives one sentence for every piece of metadata that was missing and how it is
   *     read instead
   * @throws org.espalier.api.EspalierException.MalformedModel when there is no usable vocabulary
   */
  public static Tokenizer of(
      Metadata metadata, TokenizerCompatibility compatibility, Consumer<String> notices) {
    throw new IllegalStateException("not yet written");
  }

  /**
   * The ids of a text; nothing is added before or after it.
   *
   * @param parseSpecial whether the literal text of a control token becomes that token
   */
  public int[] encode(String text, boolean parseSpecial) {
    throw new IllegalStateException("not yet written");
  }

  /** The bytes that a token stands for; they may end inside a UTF-8 character. */
  public byte[] bytes(int token) {
    throw new IllegalStateException("not yet written");
  }

  /** The text of some tokens; bytes that are no UTF-8 become U+FFFD. */
  public String decode(int... tokens) {
    throw new IllegalStateException("not yet written");
  }

  /** How many ids there are. */
  public int size() {
    throw new IllegalStateException("not yet written");
  }

  /** Whether generation ends when this token is drawn. */
  public boolean endsGeneration(int token) {
    throw new IllegalStateException("not yet written");
  }

  /** Whether it is a control token, whose text is not shown. */
  public boolean isControl(int token) {
    throw new IllegalStateException("not yet written");
  }

  /** The token that ends a text. */
  public OptionalInt endOfText() {
    throw new IllegalStateException("not yet written");
  }

  /** The token that a prompt must begin with, for the few models that want one. */
  public OptionalInt beginningOfText() {
    throw new IllegalStateException("not yet written");
  }

  /** SHA-256 over vocabulary, merges and special ids, as lower-case hex: names the tokenizer. */
  public String fingerprint() {
    throw new IllegalStateException("not yet written");
  }
}
