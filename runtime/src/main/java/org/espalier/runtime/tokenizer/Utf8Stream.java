package org.espalier.runtime.tokenizer;

/**
 * Turns a stream of tokens' bytes into text without ever showing half a character: bytes that may
 * still become one are held back.
 */
public final class Utf8Stream {
  /** Empty. */
  public Utf8Stream() {}

  /** Takes some bytes and gives the text that is complete now, perhaps empty. */
  public String accept(byte[] bytes) {
    throw new IllegalStateException("not yet written");
  }

  /** The rest: bytes that never became a character appear as U+FFFD. */
  public String finish() {
    throw new IllegalStateException("not yet written");
  }
}
