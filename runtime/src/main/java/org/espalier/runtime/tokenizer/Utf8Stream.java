package org.espalier.runtime.tokenizer;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Turns a stream of tokens' bytes into text without ever showing half a character: bytes that may
 * still become one are held back. All the text together is what decoding all the bytes at once
 * would give. Not for several threads at a time.
 */
public final class Utf8Stream {
  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPLACE)
          .onUnmappableCharacter(CodingErrorAction.REPLACE);

  /** At most three bytes that may still become a character. */
  private byte[] held = {};

  /** Empty. */
  public Utf8Stream() {}

  /** Takes some bytes and gives the text that is complete now, perhaps empty. */
  public String accept(byte[] bytes) {
    return decode(bytes, false);
  }

  /**
   * The rest: bytes that never became a character appear as U+FFFD. The stream is empty afterwards
   * and can be used again.
   */
  public String finish() {
    String rest = decode(new byte[0], true);
    decoder.reset();
    return rest;
  }

  private String decode(byte[] bytes, boolean atEnd) {
    ByteBuffer in = ByteBuffer.allocate(held.length + bytes.length).put(held).put(bytes).flip();
    // A byte becomes one character at most.
    CharBuffer out = CharBuffer.allocate(in.remaining());
    decoder.decode(in, out, atEnd);
    if (atEnd) {
      decoder.flush(out);
    }
    held = new byte[in.remaining()];
    in.get(held);
    return out.flip().toString();
  }
}
