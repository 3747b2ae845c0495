package org.espalier.server.openai;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.espalier.runtime.tokenizer.Tokenizer;

/** How single tokens are written in answers. */
final class TokenNames {
  private TokenNames() {}

  /** Its text, or its bytes in hexadecimal where they are no text of their own. */
  static String of(Tokenizer tokenizer, int token) {
    byte[] bytes = tokenizer.bytes(token);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException _) {
      return "bytes:\\x" + HexFormat.ofDelimiter("\\x").formatHex(bytes);
    }
  }
}
