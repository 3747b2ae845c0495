package org.espalier.runtime.generation;

import java.util.List;
import org.espalier.runtime.tokenizer.Tokenizer;
import org.espalier.runtime.tokenizer.Utf8Stream;

/**
 * From drawn tokens to text to show: whole characters only, no control tokens, no stop texts. One
 * for each text; not for several threads at a time.
 */
public final class TextStream {
  private final TokenTexts texts;
  private final StopTexts stops;
  private final Utf8Stream characters = new Utf8Stream();
  private final StringBuilder shown = new StringBuilder();

  /**
   * For one text.
   *
   * @param stops texts that end it, none of them empty
   */
  public TextStream(Tokenizer tokenizer, List<String> stops) {
    this(TokenTexts.of(tokenizer), new StopTexts(stops));
  }

  TextStream(TokenTexts texts, StopTexts stops) {
    this.texts = texts;
    this.stops = stops;
  }

  /** The text that a token makes ready to show, perhaps empty. */
  public String accept(int token) {
    return texts.isControl(token) ? "" : show(characters.accept(texts.bytes(token)));
  }

  /** The text that is still held back when no more tokens come. */
  public String finish() {
    String last = show(characters.finish());
    String held = stops.finish();
    shown.append(held);
    return last + held;
  }

  /** Whether a stop text has ended the text. */
  public boolean stopped() {
    return stops.found();
  }

  /** Everything shown so far. */
  public String text() {
    return shown.toString();
  }

  private String show(String piece) {
    String ready = stops.accept(piece);
    shown.append(ready);
    return ready;
  }
}
