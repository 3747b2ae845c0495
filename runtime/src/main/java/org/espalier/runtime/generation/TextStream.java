package org.espalier.runtime.generation;

import org.espalier.runtime.tokenizer.Utf8Stream;

/** From drawn tokens to text to show: whole characters only, no control tokens, no stop texts. */
final class TextStream {
  private final TokenTexts texts;
  private final StopTexts stops;
  private final Utf8Stream characters = new Utf8Stream();
  private final StringBuilder shown = new StringBuilder();

  TextStream(TokenTexts texts, StopTexts stops) {
    this.texts = texts;
    this.stops = stops;
  }

  /** The text that a token makes ready to show, perhaps empty. */
  String accept(int token) {
    return texts.isControl(token) ? "" : show(characters.accept(texts.bytes(token)));
  }

  /** The text that is still held back when no more tokens come. */
  String finish() {
    String last = show(characters.finish());
    String held = stops.finish();
    shown.append(held);
    return last + held;
  }

  /** Whether a stop text has ended the text. */
  boolean stopped() {
    return stops.found();
  }

  /** Everything shown so far. */
  String text() {
    return shown.toString();
  }

  private String show(String piece) {
    String ready = stops.accept(piece);
    shown.append(ready);
    return ready;
  }
}
