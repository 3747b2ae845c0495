package org.espalier.runtime.tokenizer;

import java.util.List;
import java.util.Optional;

/**
 * What happens to text before merges: normalisation and splits.
 *
 * @param name as {@code tokenizer.ggml.pre} gives it
 * @param composes whether text is brought into Unicode's form C first
 * @param splits each is applied within the pieces of the one before
 */
record PreTokenizer(String name, boolean composes, List<Split> splits) {

  /** Names that {@link #named} knows, for messages. */
  static final String KNOWN = "gpt-2, mpt, olmo, phi-2, roberta-bpe";

  PreTokenizer {
    splits = List.copyOf(splits);
  }

  /** The one of this name: all of them split like GPT-2, and the GPT-NeoX family composes. */
  static Optional<PreTokenizer> named(String name) {
    return switch (name) {
      case "olmo", "mpt" -> Optional.of(new PreTokenizer(name, true, List.of(new Gpt2Split())));
      case "gpt-2", "phi-2", "roberta-bpe" ->
          Optional.of(new PreTokenizer(name, false, List.of(new Gpt2Split())));
      default -> Optional.empty();
    };
  }

  /** What llama.cpp does with a file that names no pre-tokenizer. */
  static PreTokenizer llamaCppDefault() {
    return new PreTokenizer("default", false, LlamaCppDefaultSplit.stages());
  }

  /** The same splits without normalisation: llama.cpp composes nothing. */
  PreTokenizer withoutComposing() {
    return new PreTokenizer(name, false, splits);
  }

  /** Receives the pieces of a text in order. */
  @FunctionalInterface
  interface PieceSink {
    /** Takes the piece from {@code start} to before {@code end}; it is never empty. */
    void accept(String text, int start, int end);
  }

  /** Cuts {@code text[start, end)}, which is normalised already, into pieces. */
  void split(String text, int start, int end, PieceSink sink) {
    split(0, text, start, end, sink);
  }

  private void split(int stage, String text, int start, int end, PieceSink sink) {
    if (stage == splits.size()) {
      sink.accept(text, start, end);
      return;
    }
    Split split = splits.get(stage);
    for (int pieceStart = start; pieceStart < end; ) {
      int pieceEnd = split.pieceEnd(text, pieceStart, end);
      split(stage + 1, text, pieceStart, pieceEnd, sink);
      pieceStart = pieceEnd;
    }
  }
}
